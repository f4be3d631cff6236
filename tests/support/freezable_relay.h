// SPDX-License-Identifier: Apache-2.0
//
// FreezableRelay: a TCP relay between clients and a server, whose connections
// freeze when the test says so: they stay open and pass nothing more. Later
// ones work. So does a network that lost one flow, or a proxy that forgot one.
//
// Threads: anyone; one of its own relays.
// Life:    it closes all connections, and goes before what is asked by its
//          thread.
// Example: FreezableRelay relay(server_port);
//          auto client = Client::Connect(relay.address());
//          ...
//          relay.Freeze();
#ifndef PINION_TESTS_SUPPORT_FREEZABLE_RELAY_H_
#define PINION_TESTS_SUPPORT_FREEZABLE_RELAY_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace pinion::testing {

class FreezableRelay {
 public:
  // Between a free port of loopback and that one.
  explicit FreezableRelay(int server_port);
  ~FreezableRelay();
  FreezableRelay(const FreezableRelay&) = delete;
  FreezableRelay& operator=(const FreezableRelay&) = delete;

  // Where clients connect.
  const std::string& address() const { return address_; }

  // From now on no connection that has come passes a byte.
  void Freeze();

  // How many connections have come.
  int connections();

  // Waits until the server has sent so many bytes more.
  void AwaitBytesOfServer(int64_t bytes);

 private:
  // One way of a connection: what was read and is to be written.
  struct Way {
    int from;
    int to;
    std::string bytes = {};
  };
  struct Connection {
    Way to_server;
    Way to_client;
    bool frozen = false;
    bool over = false;
  };

  void Run();
  void Accept();
  // Passes what can be; false if the connection is over.
  static bool Pass(Way& way, int64_t* passed);
  static void Close(Connection& connection);

  // Fixed at construction.
  const int server_port_;
  int listener_;
  int stop_pipe_[2];
  std::string address_;

  std::mutex mutex_;  // Guards the rest.
  std::condition_variable changed_;
  std::list<Connection> connections_;
  int come_ = 0;
  int64_t bytes_of_server_ = 0;

  std::thread thread_;  // The last: it uses the others.
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_FREEZABLE_RELAY_H_
