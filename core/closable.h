// SPDX-License-Identifier: Apache-2.0
//
// Closable: what a scheduler keeps, and closes when it drains or stops.
//
// Threads: Refuse() on any, also at the same time; HandBack() on the worker's,
//          as the last thing that this does.
// Example: class WorkLists : public Closable ...; scheduler.Keep(lists);
#ifndef PINION_CORE_CLOSABLE_H_
#define PINION_CORE_CLOSABLE_H_

namespace pinion {

class Closable {
 public:
  virtual ~Closable() = default;

  // Takes no more work, and has the workers woken that have any.
  virtual void Refuse() = 0;

  // Gives back what `worker` has not done, and now never will.
  virtual void HandBack(int worker) = 0;
};

}  // namespace pinion

#endif  // PINION_CORE_CLOSABLE_H_
