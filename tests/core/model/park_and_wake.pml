// SPDX-License-Identifier: Apache-2.0
//
// The hand-over of items to a worker that may be asleep, for the model checker
// spin: producers append and wake, one worker takes, runs and sleeps, and
// others drain, stop and close. model_test.sh has every interleaving of these
// steps looked at.
//
// Steps:   one step of a process is one atomic operation of the program, or
//          what it does with the mutex held; beside it stands which. A
//          compare-and-swap that is repeated until it succeeds is one step: it
//          rests on nothing but the word it has compared. What only one thread
//          can see at that moment, like an item not yet appended or a chain
//          just taken, moves along in the same step. Left out: the spin before
//          a sleep, which only looks; killing a task and setting its timer,
//          which are in task_state.pml; and the order of tasks among each
//          other.
// Checked: an item is handled once, or handed back once, or refused; those of
//          one producer in their order; each reason is told once; a task waits
//          at one place at most; and there is one futex call for a sleep at
//          most. When Drain() returns, all is handled that was accepted, and
//          each Wake() that had returned before is told; when Stop() returns,
//          nothing is left. Nobody sleeps while anything waits: this shows as
//          what spin calls an invalid end state, the others as assertions.
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
// What others do at any moment, each on its own thread: -DDRAIN, -DSTOP and
// -DCLOSE; or on one, -DDRAIN_THEN_STOP. -DTIMER: a timer is armed.

#define BIT(n) (1 << (n))

// Nodes: the items from 1, then the tasks; and what a word or next[] may hold
// besides.
#define LIST_TASK (ALL_ITEMS + 1)   // Of WorkLists.
#define QUIET_TASK (ALL_ITEMS + 2)  // Worker::quiet_task_
#define STOP_TASK (ALL_ITEMS + 3)   // Worker::stop_task_
#define NONE 0        // Inbox::kEmpty; an empty list's top; a chain's end.
#define ASLEEP 254    // Inbox::kAsleep
#define UNLINKED 255  // WorkItem::Unlinked()

// A task in one of the worker's lines: ready_, later_ or woken_here_.
#define LINE(task) (1 << ((task) - LIST_TASK))

// What is in Task::state_.
#define QUEUED 128                    // Task::kQueued
#define WAKE_ITEMS 1                  // kWakeItems
#define WAKE_MORE 2                   // kWakeMore
#define WAKE_TIMER 4                  // kWakeTimer
#define WAKE_OTHER 8                  // kWakeOther
#define WAKE_OTHER_OF(p) (16 << (p))  // The same, told apart for the proof.

// What the program holds.
byte next[STOP_TASK + 1] = UNLINKED;  // WorkItem::next_
byte list_top, list_count;            // WorkList::word_, changed together:
bool list_closed;                     // the youngest item, size(), kClosed
byte state[STOP_TASK + 1];            // Task::state_
byte inbox = NONE;                    // Inbox::word_
byte quiet_asked, quiet_reported;     // Worker::quiet_asked_, quiet_reported_
bool ended;                           // Worker::ended_

// What the kernel holds: whether the worker waits in its futex.
bool waiting;

// What only the proof holds.
short accepted, refused, handled, handed_back;  // Sets of items.
byte last_popped[PRODUCERS];  // The last item that the worker took to use it.
byte owed[STOP_TASK + 1];     // Reasons given to a task and not yet told.
byte waits[STOP_TASK + 1];    // At how many places a task waits to run.
byte unended_sleeps;          // Announced, and no futex call made for it yet.
byte returned;                // Reasons whose Wake() has returned.
byte promised;                // Those of them that Drain() waits for.
byte threads_left;            // Beside the worker.

// Nothing waits, and nobody will bring anything.
#define SETTLED                                                \
  (threads_left == 0 && inbox == ASLEEP && list_top == NONE && \
   (handled | handed_back) == accepted && owed[LIST_TASK] == 0 && \
   owed[QUIET_TASK] == 0 && owed[STOP_TASK] == 0)

// ---------------------------------------------------------------------------
// core/inbox.h, core/task.h, core/work_list.h: what anyone may call.

// Worker::Enqueue(), WorkerRest::Push()
inline Enqueue(task) {
  atomic {  // Inbox::Push(): compare_exchange
    assert(next[task] == UNLINKED);
    must_wake = (inbox == ASLEEP);
    next[task] = (must_wake -> NONE : inbox);
    inbox = task;
    waits[task]++;
    assert(waits[task] == 1)
  }
  if
#ifdef WAKE_AFTER_EVERY_PUSH
  :: true ->
#else
  :: must_wake ->
#endif
     atomic {  // Inbox::WakeOwner(): FUTEX_WAKE
       assert(unended_sleeps > 0);
       unended_sleeps--;
       waiting = false;
       must_wake = false
     }
  :: !must_wake
  fi
}

// Task::Wake(), in Task::Queue(), on another thread than the worker's.
inline Wake(task, reasons) {
  atomic {  // fetch_or
    was_queued = (state[task] & QUEUED) != 0;
    state[task] = state[task] | reasons | QUEUED;
    owed[task] = owed[task] | reasons
  }
  if
#ifdef PUSH_WITHOUT_ASKING
  :: true -> Enqueue(task)
#else
  :: !was_queued -> Enqueue(task)
#endif
  :: was_queued
  fi;
  was_queued = false
}

// WorkList::Append(), in WorkList::Push(); `first` tells whether it was
// Appended::kFirst.
inline Append(item) {
  atomic {  // compare_exchange; or a load, if it is refused
    assert(next[item] == UNLINKED);
    first = false;
    if
    :: list_closed || list_count == CAPACITY -> refused = refused | BIT(item)
    :: else ->
       first = (list_count == 0);  // return word == 0 ? kFirst : kBehind
       next[item] = list_top;
       list_top = item;
       list_count++;
       accepted = accepted | BIT(item)
    fi
  }
}

// WorkList::Take(), part of a step. The items are left in `chain`, oldest
// first: FromStack() turns them around.
inline Take(close) {
  list_closed = list_closed || close;  // compare_exchange
  item = list_top;
  list_top = NONE;
  list_count = 0;
#ifdef YOUNGEST_FIRST
  chain = item;
#else
  chain = NONE;
  do
  :: item != NONE ->
     below = next[item];
     next[item] = chain;
     chain = item;
     item = below
  :: else -> break
  od;
#endif
  below = NONE
}

// Takes the oldest item out of `chain`.
inline Pop() {
  item = chain;
  chain = next[item];
  next[item] = UNLINKED;
  assert(((handled | handed_back) & BIT(item)) == 0)
}

// WorkLists::Refuse()
inline Refuse() {
  list_closed = true;  // WorkList::Refuse(): fetch_or
#ifndef REFUSE_WITHOUT_WAKING
  Wake(LIST_TASK, WAKE_ITEMS)
#endif
}

// ---------------------------------------------------------------------------
// The threads but the worker's.

// A Wake() with a reason of its own; then WorkLists::Add() for each item, which
// no later wake comes to rescue.
proctype Producer(byte p) {
  byte item = p * ITEMS + 1;
  bool was_queued, must_wake, first;
  Wake(LIST_TASK, WAKE_OTHER_OF(p));
  returned = returned | WAKE_OTHER_OF(p);
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
     atomic { first = false; item++ }
  :: else -> break
  od;
  threads_left--
}

inline AskForQuiet() {
  atomic { quiet_asked++; asked = quiet_asked }  // With the mutex.
  Wake(QUIET_TASK, WAKE_OTHER)
}

// Scheduler::Drain(). One that was overtaken by a stop returns too.
inline Drain() {
  promised = returned & owed[LIST_TASK];
#ifdef ASK_BEFORE_REFUSING
  AskForQuiet();
  Refuse();
#else
  Refuse();
  AskForQuiet();
#endif
  atomic {  // AwaitQuiet()
    quiet_reported >= asked || ended ->
    assert((handled | handed_back) == accepted);
#ifndef CLOSE
    assert(ended || handed_back == 0);
#endif
    assert(ended || promised == 0);
    asked = 0
  }
}

// Scheduler::Stop(). What was woken and has not run is dropped.
inline Stop() {
#ifdef HAND_BACK_BEFORE_REFUSING
  Wake(STOP_TASK, WAKE_OTHER);
  Refuse();
#else
  Refuse();
  Wake(STOP_TASK, WAKE_OTHER);
#endif
  atomic {  // AwaitEnd()
    ended ->
    assert((handled | handed_back) == accepted);
    assert(list_top == NONE)
  }
}

proctype Drainer() {
  bool was_queued, must_wake;
  byte asked;
  Drain();
#ifdef DRAIN_THEN_STOP
  Stop();
#endif
  threads_left--
}

proctype Stopper() {
  bool was_queued, must_wake;
  Stop();
  threads_left--
}

// WorkLists::Close(), on another thread than the worker's.
proctype Closer() {
  byte chain, item, below;
  atomic {
    Take(true);
    do
    :: chain != NONE -> Pop(); handed_back = handed_back | BIT(item)
    :: else -> break
    od;
    threads_left--
  }
}

// ---------------------------------------------------------------------------
// core/worker.h, core/worker_rest.h, core/work_lists.h: the worker.

// Task::Wake() on the worker's thread. Only the state's word is shared.
inline WakeHere(task, reasons) {
  atomic {  // fetch_or; then woken_here_.Push() in Worker::Enqueue()
    if
    :: (state[task] & QUEUED) == 0 ->
       assert(next[task] == UNLINKED);
       next[task] = NONE;
       waits[task]++;
       assert(waits[task] == 1);
       woken_here = woken_here | LINE(task)
    :: else
    fi;
    state[task] = state[task] | reasons | QUEUED;
    owed[task] = owed[task] | reasons
  }
}

// Worker::Sort(). The order within a line is of no concern here.
inline Sort() {
#ifdef TAKE_BACK_BLINDLY
  if
  :: inbox == ASLEEP -> atomic { inbox = NONE; unended_sleeps-- }
  :: inbox != ASLEEP
  fi;
#endif
  atomic {  // Inbox::TakeAll(): word_.exchange(kEmpty)
    if
    :: inbox == ASLEEP -> unended_sleeps--  // Nobody has to end this sleep.
    :: inbox != ASLEEP ->
       do
       :: inbox != NONE ->
          item = inbox;
          inbox = next[item];
          next[item] = NONE;
          LineUp(LINE(item))
       :: else -> break
       od
    fi;
    inbox = NONE;
    item = NONE;
    LineUp(woken_here);
    woken_here = 0
  }
}

inline LineUp(tasks) {  // has_run: later_, otherwise ready_
  later = later | ((tasks) & ran);
  ready = ready | ((tasks) & ~ran)
}

// Takes the oldest item out of `chain` on the worker, which keeps the order.
inline PopInOrder() {
  Pop();
  assert(last_popped[(item - 1) / ITEMS] < item);
  last_popped[(item - 1) / ITEMS] = item
}

// Puts `chain` behind `taken`, and has the whole in `chain`.
inline AppendToTaken() {
  if
  :: taken == NONE
  :: taken != NONE ->
     item = taken;
     do
     :: next[item] != NONE -> item = next[item]
     :: else -> break
     od;
     next[item] = chain;
     chain = taken;
     taken = NONE
  fi
}

// The function of WorkLists' tasks, WorkLists::Run().
inline RunList() {
  atomic {
    Take(false);  // WorkList::TakeAll()
    AppendToTaken();  // entry.taken.Append()
    do  // function_(): handles one item at least, and leaves any others.
    :: chain != NONE ->
       PopInOrder();
       handled = handled | BIT(item);
       if
       :: chain != NONE -> break
       :: true
       fi
    :: else -> break
    od;
    taken = chain;
    chain = NONE;
    item = NONE
  }
  if
  :: taken != NONE ->
     Sort();  // WorkBatch::Pop(), in Worker::ShouldYield().
     WakeHere(LIST_TASK, WAKE_MORE)
  :: else
  fi
}

// Takes a task out of one of the lines and runs it: Worker::Run(Task&).
inline PopAndRun() {
  atomic {
    if
    :: (ready & LINE(LIST_TASK)) != 0 -> task = LIST_TASK
    :: (ready & LINE(QUIET_TASK)) != 0 -> task = QUIET_TASK
    :: (ready & LINE(STOP_TASK)) != 0 -> task = STOP_TASK
    fi;
    ready = ready & ~LINE(task);
    waits[task]--;
#ifndef UNLINK_AFTER_CLEARING
    next[task] = UNLINKED;
#endif
    ran = ran | LINE(task);  // last_sweep_ = sweep_
    assert((state[task] & ~QUEUED) == owed[task]);
    promised = (task == LIST_TASK -> promised & ~owed[task] : promised);
    owed[task] = 0;
#ifndef CLEAR_AFTER_THE_RUN
    state[task] = 0  // state_.fetch_and()
#endif
  }
#ifdef UNLINK_AFTER_CLEARING
  next[task] = UNLINKED;
#endif
  if  // task.function_(...)
  :: task == STOP_TASK -> stopping = true
  :: task == QUIET_TASK -> quiet_due = quiet_asked  // With the mutex.
  :: task == LIST_TASK -> RunList()
  fi;
#ifdef CLEAR_AFTER_THE_RUN
  state[task] = 0;
#endif
  task = NONE
}

// Worker::Round(). Whatever the tasks' classes and budgets are: any ready task
// may be next, and after any of them the round may end. A sweep that lets an
// urgent task run again within its round is here a round that ends.
inline Round() {
  atomic {
    ready = ready | later;
    later = 0;
    ran = 0  // ++round_
  }
  if  // FireTimers(): it may be due by now.
  :: armed -> armed = false; WakeHere(LIST_TASK, WAKE_TIMER)  // Queue()
  :: true
  fi;
  Sort();
  do
  :: ready == 0 || stopping -> break
  :: ready != 0 && !stopping ->
     PopAndRun();
     Sort();
     if
     :: ready != 0 -> break  // The turns are used up.
     :: true
     fi
  od
}

// Worker::ReportQuiet(). NoTaskIsQueued() has one task to look at.
inline ReportQuiet() {
  if
  :: quiet_due == quiet_seen
  :: quiet_due != quiet_seen ->
     if
#ifdef QUIET_WITHOUT_LOOKING
     :: true ->
#else
#ifdef QUIET_WHEN_THE_INBOX_IS_EMPTY
     :: inbox == NONE ->
#else
     :: (state[LIST_TASK] & QUEUED) == 0 ->
#endif
#endif
        atomic { quiet_seen = quiet_due; quiet_reported = quiet_due }
     :: else
#ifdef LOOK_ONCE_FOR_QUIET
        -> quiet_seen = quiet_due
#endif
     fi
  fi
}

// Inbox::Sleep(). A wait may end for nothing or, with a timer armed, when its
// time has come; or it may not, so that a lost wake cannot hide.
inline Sleep() {
  do
  :: inbox != ASLEEP -> break  // word_.load()
  :: else ->
     atomic {  // FUTEX_WAIT compares, then sleeps, in one step.
       if
#ifdef NO_FUTEX_COMPARE
       :: true -> waiting = true
#else
       :: inbox != ASLEEP
       :: inbox == ASLEEP -> waiting = true
       :: inbox == ASLEEP -> waiting = true; may_wake_for_nothing = true
       :: inbox == ASLEEP && armed -> waiting = true; may_time_out = true
#endif
       fi
     }
     if
     :: atomic {
          !waiting -> may_wake_for_nothing = false; may_time_out = false
        }
     :: atomic {
          waiting && may_wake_for_nothing ->
          waiting = false;
          may_wake_for_nothing = false
        }
     :: atomic {
          waiting && may_time_out ->
          waiting = false;
          may_time_out = false;
          break
        }
     :: atomic { waiting && SETTLED -> goto asleep }
     fi
  od
}

// Worker::End(), with WorkLists::HandBack() and Close() of the worker itself.
inline End() {
#ifdef TELL_BEFORE_HANDING_BACK
  ended = true;
#endif
  atomic {
#ifdef HAND_BACK_BEFORE_REFUSING
    Take(false);
#else
    Take(true);
#endif
#ifdef FORGET_WHAT_A_BATCH_LEFT
    taken = NONE;
#endif
    AppendToTaken();
    do
    :: chain != NONE -> PopInOrder(); handed_back = handed_back | BIT(item)
    :: else -> break
    od;
    item = NONE
  }
  ended = true
}

// Worker::Loop().
proctype Worker() {
  byte task, chain, item, below;
  byte taken;                          // WorkLists::Entry::taken
  byte ready, later, woken_here, ran;  // Sets of tasks.
  byte quiet_due, quiet_seen;
  bool stopping, may_wake_for_nothing, may_time_out;
#ifdef TIMER
  bool armed = true;
#else
  bool armed = false;
#endif
  do
  :: Round();
     if
     :: stopping -> break
     :: !stopping && (ready != 0 || later != 0 || woken_here != 0)  // !Idle()
     :: !stopping && ready == 0 && later == 0 && woken_here == 0 ->
        ReportQuiet();  // AwaitWork()
        // WorkerRest::AnnounceSleep()
        if  // TrySleep(): compare_exchange from kEmpty to kAsleep
#ifdef WITHOUT_SECOND_LOOK
        :: atomic { true -> inbox = ASLEEP; unended_sleeps++ }
#else
        :: atomic { inbox == NONE -> inbox = ASLEEP; unended_sleeps++ }
#endif
           Sleep()
        :: else
        fi
     fi
  od;
  End();
asleep:
  skip
}

init {
  byte p;
  atomic {
    do
    :: p < PRODUCERS -> threads_left++; run Producer(p); p++
    :: else -> break
    od;
    p = 0;
#if defined(DRAIN) || defined(DRAIN_THEN_STOP)
    threads_left++;
    run Drainer();
#endif
#ifdef STOP
    threads_left++;
    run Stopper();
#endif
#ifdef CLOSE
    threads_left++;
    run Closer();
#endif
    run Worker()
  }
  // All have ended, or sleep for good: each item went one way.
  atomic {
    _nr_pr == 1 ->
    assert(list_top == NONE);
    assert((accepted & refused) == 0);
    assert((accepted | refused) == (BIT(ALL_ITEMS + 1) - 2));
    assert((handled & handed_back) == 0);
    assert((handled | handed_back) == accepted)
  }
}
