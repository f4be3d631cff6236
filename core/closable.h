// SPDX-License-Identifier: Apache-2.0
//
// Closable: an object that a scheduler keeps, and closes when it drains or
//           stops.
//
// Threads: Refuse() on any thread, even at the same time; HandBack() on the
//          worker's, as its last call there.
// Example: class WorkLists : public Closable ...; scheduler.Keep(lists);
#ifndef PINION_CORE_CLOSABLE_H_
#define PINION_CORE_CLOSABLE_H_

namespace pinion {

class Closable {
 public:
  virtual ~Closable() = default;

  // Accepts no more work, and wakes the workers that have some.
  virtual void Refuse() = 0;

  // Hands back the work that `worker` has not done, and never will.
  virtual void HandBack(int worker) = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_CLOSABLE_H_
