// SPDX-License-Identifier: Apache-2.0
//
// InOrderOfRound: who is measured when, so that none gains by its place.
//
// Threads: plain function; any thread.
// Example: for (Contender* one : InOrderOfRound(contenders, round)) ...
#ifndef PINION_TESTS_BENCH_SUPPORT_ORDER_OF_ROUND_H_
#define PINION_TESTS_BENCH_SUPPORT_ORDER_OF_ROUND_H_

#include <algorithm>
#include <vector>

namespace pinion::bench {

// All of them, beginning with another one in each round, and in every second
// round backwards: none always follows the same other.
template <typename T>
std::vector<T*> InOrderOfRound(std::vector<T>& all, int round) {
  std::vector<T*> order;
  for (T& one : all) order.push_back(&one);
  std::rotate(order.begin(), order.begin() + round % order.size(), order.end());
  if (round % 2 == 1) std::reverse(order.begin(), order.end());
  return order;
}

}  // namespace pinion::bench

#endif  // PINION_TESTS_BENCH_SUPPORT_ORDER_OF_ROUND_H_
