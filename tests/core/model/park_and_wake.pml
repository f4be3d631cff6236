// SPDX-License-Identifier: Apache-2.0
//
// The hand-over of items to a worker that may be asleep, for the model checker
// spin: producers append and wake, one worker takes, runs and sleeps, someone
// may stop it. model_test.sh has every interleaving of these steps looked at.
//
// Steps:   one step of a process is one atomic operation of the program; beside
//          it stands which. What only one thread can see at that moment, like
//          an item not yet appended or a chain just taken, moves along in the
//          same step. Left out: closing a list, killing a task, and the order
//          of tasks among each other.
// Checked: an item is handled once, or refused once; those of one producer in
//          their order; each reason is told once; a task waits at one place
//          at most; there is one futex call for a sleep at most; and nobody
//          sleeps while anything waits. The last shows as what spin calls an
//          invalid end state, the others as assertions.
// Mutants: each name in an #ifdef makes one step wrong, so that one of these
//          must fail; BUILD.bazel says which.
// Limits:  memory is sequentially consistent here. Of memory orders only the
//          comments in the program, and tsan, speak.

#ifndef PRODUCERS
#define PRODUCERS 2
#endif
#ifndef ITEMS  // Of each producer; fewer of the last one if ALL_ITEMS says so.
#define ITEMS 2
#endif
#ifndef ALL_ITEMS
#define ALL_ITEMS 3
#endif
#ifndef CAPACITY  // Of the list.
#define CAPACITY 2
#endif

#define BIT(n) (1 << (n))

// Nodes: the items from 1, then the tasks; and what a word or next[] may hold
// besides.
#define LIST_TASK (ALL_ITEMS + 1)
#define STOP_TASK (ALL_ITEMS + 2)
#define NONE 0        // Inbox::kEmpty; a list's word of 0; the end of a chain.
#define ASLEEP 254    // Inbox::kAsleep
#define UNLINKED 255  // WorkItem::Unlinked()

// A task in one of the worker's lines: ready_ or later_, of any class.
#define LINE(task) (1 << ((task) - LIST_TASK))

// What is in Task::state_.
#define QUEUED 128                // Task::kQueued
#define WAKE_ITEMS 1              // kWakeItems
#define WAKE_MORE 2               // kWakeMore
#define WAKE_STOP 4               // kWakeOther, of BeginStop().
#define WAKE_OTHER(p) (8 << (p))  // kWakeOther, told apart for the proof.

// What the program holds.
byte next[STOP_TASK + 1] = UNLINKED;  // WorkItem::next_
byte list_top, list_count;            // WorkList::word_, changed together
byte state[STOP_TASK + 1];            // Task::state_
byte inbox = NONE;                    // Inbox::word_

// What the kernel holds: whether the worker waits in its futex.
bool waiting;

// What only the proof holds.
short accepted, refused, handled;  // Sets of items.
byte last_handled[PRODUCERS];
byte owed[STOP_TASK + 1];      // Reasons given to a task and not yet told.
byte waits[STOP_TASK + 1];     // At how many places a task waits to run.
byte unended_sleeps;           // Announced, and no futex call made for it yet.
byte producers_done;
bool stopper_done;

// Producers who have yet to wake or push a task on which others rely by now.
byte relied_on;
// What must be handled and told before a stopped worker ends.
short promised_items;
byte promised_reasons;
#ifdef STOP_AWAITS_OVERLAPPED_ADDS
short returned_items;
byte returned_reasons;
#endif

// Nothing waits, and nobody will bring anything.
#define QUIET                                                   \
  (producers_done == PRODUCERS && stopper_done && inbox == ASLEEP && \
   list_top == NONE && handled == accepted && owed[LIST_TASK] == 0 && \
   owed[STOP_TASK] == 0)

// ---------------------------------------------------------------------------
// core/inbox.h, core/task.h, core/work_list.h: what anyone may call.
// `me` is the caller's bit in relied_on; others than producers have none.

// Worker::Enqueue(): Inbox::Push(), then Inbox::WakeOwner() if it said so.
inline Enqueue(task) {
  atomic {
    assert(next[task] == UNLINKED);  // Push(): AssertUnlinked()
    seen = inbox                     // word_.load()
  }
  do
  :: atomic {  // compare_exchange; when a weak one fails, this repeats.
       inbox == seen ->
       next[task] = (seen == ASLEEP -> NONE : seen);
       inbox = task;
       waits[task]++;
       assert(waits[task] == 1);
       relied_on = relied_on & ~me;
       break
     }
  :: atomic { inbox != seen -> seen = inbox }
  od;
  if
#ifdef WAKE_AFTER_EVERY_PUSH
  :: true ->
#else
  :: seen == ASLEEP ->  // return word == kAsleep
#endif
     atomic {  // WakeOwner(): FUTEX_WAKE
       assert(unended_sleeps > 0);
       unended_sleeps--;
       waiting = false;
       seen = 0
     }
  :: seen != ASLEEP -> seen = 0
  fi
}

// Task::Wake(), in Task::Queue().
inline Wake(task, reasons) {
  atomic {  // fetch_or
    before = state[task];
    state[task] = before | reasons | QUEUED;
    owed[task] = owed[task] | reasons;
    relied_on = ((before & QUEUED) == 0 -> relied_on | me : relied_on & ~me)
  }
  if
#ifdef PUSH_WITHOUT_ASKING
  :: true -> Enqueue(task)
#else
  :: (before & QUEUED) == 0 -> Enqueue(task)
#endif
  :: (before & QUEUED) != 0
  fi
}

// WorkList::Append(); `first` tells whether it was Appended::kFirst.
inline Append(item) {
  assert(next[item] == UNLINKED);                        // AssertUnlinked()
  atomic { seen = list_top; seen_count = list_count }    // word_.load()
  do
  :: atomic {
       seen_count == CAPACITY ->
       refused = refused | BIT(item);  // return kFull
       first = false;
       break
     }
  :: atomic {
       seen_count < CAPACITY ->
       if  // compare_exchange; when a weak one fails, this repeats.
       :: list_top == seen && list_count == seen_count ->
          next[item] = seen;
          list_top = item;
          list_count++;
          accepted = accepted | BIT(item);
          first = (seen_count == 0);  // return word == 0 ? kFirst : kBehind
          relied_on = (first -> relied_on | me : relied_on);
          break
       :: else ->
          seen = list_top;
          seen_count = list_count
       fi
     }
  od
}

// ---------------------------------------------------------------------------
// The threads.

// A Wake() with a reason of its own; then WorkLists::Add() for each item, which
// no later wake comes to rescue.
proctype Producer(byte p) {
  byte me = BIT(p);
  byte item = p * ITEMS + 1;
  byte seen, seen_count, before;
  bool first;
  Wake(LIST_TASK, WAKE_OTHER(p));
  atomic {
#ifdef STOP_AWAITS_OVERLAPPED_ADDS
    returned_reasons = returned_reasons | WAKE_OTHER(p);
#endif
    before = 0
  }
  do
  :: item <= (p + 1) * ITEMS && item <= ALL_ITEMS ->
#ifdef WAKE_BEFORE_APPEND
     Wake(LIST_TASK, WAKE_ITEMS);
     Append(item);
#else
     Append(item);
     if
     :: first -> Wake(LIST_TASK, WAKE_ITEMS)
     :: else
     fi;
#endif
     atomic {  // Add() returns.
#ifdef STOP_AWAITS_OVERLAPPED_ADDS
       returned_items = returned_items | (accepted & BIT(item));
#endif
       item++; seen = 0; seen_count = 0; before = 0; first = false
     }
  :: else -> break
  od;
  producers_done++
}

// Scheduler::Stop(), at any moment or never. Promised is all that was accepted
// and woken by then, unless a producer on whom others rely is held up between
// its append, its fetch_or and its push: what waits behind it is stranded if
// the worker ends first. STOP_AWAITS_OVERLAPPED_ADDS promises more: all whose
// own Add() or Wake() has returned.
proctype Stopper() {
  byte me = 0;
  byte seen, before;
  if
#ifndef NEVER_STOPPED
  :: atomic {
       true ->
#ifdef STOP_AWAITS_OVERLAPPED_ADDS
       promised_items = returned_items;
       promised_reasons = returned_reasons & owed[LIST_TASK]
#else
       if
       :: relied_on == 0 ->
          promised_items = accepted;
          // Those that are given only once; the others may be owed anew.
          promised_reasons = owed[LIST_TASK] & ~(WAKE_ITEMS | WAKE_MORE)
       :: else
       fi
#endif
     }
     Wake(STOP_TASK, WAKE_STOP)  // Worker::BeginStop()
#endif
  :: true
  fi;
  atomic { stopper_done = true; seen = 0; before = 0 }
}

// Worker::HasEnded(): in a worker that stops, the task has had its last run.
#define ENDED(task) ((ran_since_stop & LINE(task)) != 0 && !left_work)

// Worker::Sort().
inline Sort() {
  if
  :: inbox == NONE  // Inbox::TakeAll(): word_.load() == kEmpty
  :: else ->
     atomic {  // word_.exchange(kEmpty)
       seen = (inbox == ASLEEP -> NONE : inbox);
       inbox = NONE;
       do
       :: seen != NONE ->
          before = next[seen];
          next[seen] = NONE;  // In a line, whose order is of no concern here.
          if
#ifdef DROP_WHILE_IT_RUNS
          :: (ran_since_stop & LINE(seen)) != 0 &&
             (state[seen] & WAKE_MORE) == 0 ->
             next[seen] = UNLINKED;
             waits[seen]--
          :: ((ran_since_stop & LINE(seen)) == 0 ||
              (state[seen] & WAKE_MORE) != 0) &&
             (ran & LINE(seen)) != 0 -> later = later | LINE(seen)
#else
          :: (ran & LINE(seen)) != 0 -> later = later | LINE(seen)
#endif
          :: (ran & LINE(seen)) == 0 -> ready = ready | LINE(seen)
          fi;
          seen = before
       :: else -> break
       od;
       before = 0
     }
  fi
}

// The function of WorkLists' tasks, WorkLists::Run().
inline RunList() {
  atomic { seen = list_top; seen_count = list_count }  // Take(): word_.load()
  do
  :: atomic { seen == NONE -> break }  // word == left
  :: atomic {
       seen != NONE ->
       if  // compare_exchange
       :: list_top == seen && list_count == seen_count ->
          list_top = NONE;
          list_count = 0;
          break
       :: else ->
          seen = list_top;
          seen_count = list_count
       fi
     }
  od;
  atomic {
    // FromStack() turns the stack around; then Append() to entry.taken.
#ifdef YOUNGEST_FIRST
    item = seen;
#else
    item = NONE;
    do
    :: seen != NONE ->
       before = next[seen];
       next[seen] = item;
       item = seen;
       seen = before
    :: else -> break
    od;
#endif
    if
    :: taken == NONE -> taken = item
    :: else ->
       seen = taken;
       do
       :: next[seen] != NONE -> seen = next[seen]
       :: else -> break
       od;
       next[seen] = item
    fi;
    do  // function_(): handles one item at least, and leaves any others.
    :: taken != NONE ->
       assert((handled & BIT(taken)) == 0);
       handled = handled | BIT(taken);
       assert(last_handled[(taken - 1) / ITEMS] < taken);
       last_handled[(taken - 1) / ITEMS] = taken;
       item = taken;
       taken = next[item];
       next[item] = UNLINKED;
       if
       :: taken != NONE -> break
       :: true
       fi
    :: else -> break
    od;
    seen = 0; seen_count = 0; before = 0; item = 0
  }
  if
  :: taken != NONE ->
     Sort();  // WorkBatch::Pop(), in Worker::ShouldYield().
     Wake(LIST_TASK, WAKE_MORE);
     before = 0
  :: else
  fi
}

// Worker::Run(Task&).
inline Run() {
  atomic {
    left_work = (task == LIST_TASK -> false : left_work);
    ran = ran | LINE(task);  // last_round_ = round_
    ran_since_stop = (stopping -> ran_since_stop | LINE(task) : 0);
    before = state[task] & ~QUEUED;  // state_.fetch_and()
#ifndef CLEAR_AFTER_THE_RUN
    state[task] = 0;
#endif
    assert(before == owed[task]);
    owed[task] = 0;
    promised_reasons = promised_reasons & ~before;
    before = 0
  }
#ifdef UNLINK_AFTER_CLEARING
  next[task] = UNLINKED;
#endif
  if  // task.function_(...)
  :: task == STOP_TASK -> stop_seen = true  // stop_round_ = round_
  :: task == LIST_TASK ->
     RunList();
     left_work = (state[LIST_TASK] & WAKE_MORE) != 0  // state_.load()
  fi;
#ifdef CLEAR_AFTER_THE_RUN
  state[task] = 0;
#endif
  task = NONE
}

// Worker::Round(). Whatever the tasks' classes and budgets are: any ready task
// may be next, and after any of them the round may end.
inline Round() {
  atomic {
    ready = ready | later;
    later = 0;
    ran = 0  // ++round_
  }
  Sort();
  do
  :: ready == 0 -> break
  :: ready != 0 ->
     atomic {
       if  // Pop(), from one of the lines.
       :: (ready & LINE(LIST_TASK)) != 0 -> task = LIST_TASK
       :: (ready & LINE(STOP_TASK)) != 0 -> task = STOP_TASK
       fi;
       ready = ready & ~LINE(task);
#ifndef UNLINK_AFTER_CLEARING
       next[task] = UNLINKED;
#endif
       waits[task]--;
       if
       :: ENDED(task) -> task = NONE
       :: else
       fi
     }
     if
     :: task == NONE
     :: task != NONE -> Run()
     fi;
     Sort();
     if
     :: ready != 0 -> break  // The turns are used up.
     :: true
     fi
  od
}
// Worker::Loop(). Its second loop begins with `stopping`.
proctype Worker() {
  byte me = 0;
  byte seen, seen_count, before, task, item;
  byte taken;                             // WorkLists::Entry::taken
  byte ready, later, ran, ran_since_stop; // Sets of tasks.
  bool left_work, stop_seen, stopping, may_wake_for_nothing;
  do
  :: Round();
     if
     :: !stopping && stop_seen -> stopping = true
     :: stopping == stop_seen && (ready != 0 || later != 0)  // !Idle()
#ifdef END_WITH_WORK_LEFT
     :: stopping && ready == 0 && later == 0 -> break
#else
     :: stopping && ready == 0 && later == 0 && !left_work -> break
     // A producer who queued the task has yet to push it.
     :: stopping && ready == 0 && later == 0 && left_work -> goto sleep
#endif
     :: !stop_seen && ready == 0 && later == 0 ->
sleep:
        if  // TrySleep(): compare_exchange from kEmpty to kAsleep
#ifdef WITHOUT_SECOND_LOOK
        :: atomic { true -> inbox = ASLEEP; unended_sleeps++ }
#else
        :: atomic { inbox == NONE -> inbox = ASLEEP; unended_sleeps++ }
#endif
           do  // Sleep()
           :: inbox != ASLEEP -> break  // word_.load()
           :: else ->
              // FUTEX_WAIT compares, then sleeps, in one step. A sleep may end
              // for nothing; or it may not, so that a lost wake cannot hide.
              atomic {
                if
#ifdef NO_FUTEX_COMPARE
                :: true -> waiting = true
#else
                :: inbox != ASLEEP
                :: inbox == ASLEEP -> waiting = true
                :: inbox == ASLEEP ->
                   waiting = true;
                   may_wake_for_nothing = true
#endif
                fi
              }
              if
              :: atomic { !waiting -> may_wake_for_nothing = false }
              :: atomic {
                   waiting && may_wake_for_nothing ->
                   waiting = false;
                   may_wake_for_nothing = false
                 }
              :: atomic { waiting && QUIET -> goto asleep }
              fi
           od
        :: else
        fi
     fi
  od;
  assert((promised_items & ~handled) == 0);
  assert(promised_reasons == 0);
asleep:
  skip
}

init {
  byte p, item;
  short left;
  atomic {
    p = 0;
    do
    :: p < PRODUCERS -> run Producer(p); p++
    :: else -> break
    od;
    p = 0;
    run Stopper();
    run Worker()
  }
  // All threads have ended, or sleep for good: each item is in one place.
  atomic {
    _nr_pr == 1 ->
    item = list_top;
    do
    :: item != NONE -> left = left | BIT(item); item = next[item]
    :: else -> break
    od;
    assert((accepted & refused) == 0);
    assert((accepted | refused) == (BIT(ALL_ITEMS + 1) - 2));
    assert((handled & left) == 0);
    assert((handled | left) == accepted)
  }
}
