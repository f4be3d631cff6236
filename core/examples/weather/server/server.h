// SPDX-License-Identifier: Apache-2.0
//
// Server: where the readings come from. Here it is a list; a real program would
//         ask the weather office. It has nothing to do with pinion::Server.
//
// Threads: any thread.
// Example: for (const Measured& m : Server().Readings()) Record(m);
#ifndef WEATHER_SERVER_SERVER_H_
#define WEATHER_SERVER_SERVER_H_

#include <vector>

namespace weather {

struct Measured {
  int station = 0;
  double degrees = 0;
};

class Server {
 public:
  std::vector<Measured> Readings() const {
    return {{7, 11.5}, {8, 9}, {7, 14}, {9, -2}, {8, 8.5}, {9, 1}};
  }
};

}  // namespace weather

#endif  // WEATHER_SERVER_SERVER_H_
