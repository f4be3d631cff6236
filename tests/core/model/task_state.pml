// SPDX-License-Identifier: Apache-2.0
//
// The state of a task, for the model checker spin: threads ask for its timer,
// wake it and kill it, functions on its worker set the timer and kill it too,
// and the worker runs it. model_test.sh has every interleaving of these steps
// looked at.
//
// Steps:   as in park_and_wake.pml, which has the inbox and the sleep; here a
//          task that is pushed is there at once, and a timer that is armed may
//          be due at any time.
// Checked: the timer is set as the last call asks, or one of those that overlap
//          it, and is never lost; it is told at most once, and not when a later
//          call had returned by then. A killed task is let go of exactly once;
//          no run begins after Kill() returned. It waits in one line at most;
//          each reason is told once. A worker that finds no task queued has
//          done all that was asked of it before, and the last time it looks it
//          finds none.
// Mutants: each name in an #ifdef makes one step wrong, so that one of these
//          must fail; BUILD.bazel says which.
// Limits:  those of park_and_wake.pml.

#ifndef THREADS  // Beside the worker's.
#define THREADS 2
#endif
#ifndef CALLS  // Of each of them.
#define CALLS 1
#endif
#ifndef CALLS_HERE  // Of functions on the worker.
#define CALLS_HERE 3
#endif
// -DNEVER_KILLED: nobody calls Kill().

#define BIT(n) (1 << (n))

// What is in Task::state_.
#define QUEUED 1                      // Task::kQueued
#define DEAD 2                        // Task::kDead
#define TIMER_ASKED 4                 // Task::kTimerAsked
#define WAKE_TIMER 8                  // kWakeTimer
#define WAKE_OTHER_OF(n) (16 << (n))  // kWakeOther, told apart for the proof.
#define REASONS (255 & ~(QUEUED | DEAD | TIMER_ASKED))  // Task::kReasons

// Calls that set the timer have numbers from 1, which stand for their times.
#define CANCEL 128   // Beside the number: a CancelTimer().
#define NOTHING 255  // Task::kNothing
#define TIME(call) (((call) & CANCEL) != 0 -> 0 : (call))
#define SET(call) BIT((call) & 15)

// What the program holds.
byte state;            // Task::state_
byte asked = NOTHING;  // Task::asked_timer_: a call
byte armed;            // The time for which Worker::timers_ has it; 0: not.
bool in_line;          // The task is in the inbox or in a line of its worker.
bool released;         // Task::released_

// What only the proof holds.
byte calls;                // The last number given to a call.
short returned, replaced;  // Those that returned; those before them, by then.
short told;                // Times that were told.
byte applied;              // The call as which the timer was last set.
byte begun;                // The time that gave the kWakeTimer in `state`.
byte owed, owed_for_sure;  // Reasons not told; those whose Wake() returned.
bool killed;               // A Kill() has returned.
byte threads_left = THREADS;

// ---------------------------------------------------------------------------
// core/task.h: what anyone may call.

// Task::Queue() in two steps. PushIfNew() goes along with the caller's return.
inline Mark(bits) {
  atomic {  // fetch_or
    push = (state & (QUEUED | DEAD)) == 0;
#ifdef PUSH_THE_DEAD
    push = (state & QUEUED) == 0;
#endif
#ifdef KILL_WITHOUT_PUSHING
    push = push && (bits) != DEAD;
#endif
    state = state | (bits) | QUEUED
  }
}
inline PushIfNew() {
  assert(!(push && in_line));
  in_line = in_line || push;  // Enqueue()
  push = false
}

// A call to WakeAt() or CancelTimer() begins.
inline BeginCall() {
  calls++;
  call = calls;
  if
  :: true
  :: call = call | CANCEL
  fi;
  earlier = returned
}

// It returns, and replaces all that had returned when it began, which are of no
// further concern.
inline EndCall() {
  replaced = replaced | earlier;
  returned = (returned | SET(call)) & ~replaced;
  told = told & ~replaced;
  call = 0;
  earlier = 0
}

// A thread that is not the worker's. Its calls begin with their first step, as
// a call that has begun before promises less.
proctype Thread(byte n) {
  byte i, call;
  short earlier;
  bool push;
  do
  :: i < CALLS ->
     i++;
     if
#ifdef FLAG_BEFORE_ASKING
     :: atomic { BeginCall() };
        Mark(TIMER_ASKED);
        PushIfNew();
        atomic { asked = call; EndCall() }
#else
     :: atomic { BeginCall(); asked = call };  // AskForTimer(): store
        Mark(TIMER_ASKED);
        atomic { PushIfNew(); EndCall() }
#endif
     :: atomic {  // Wake()
          (owed & WAKE_OTHER_OF(n)) == 0 ->
          Mark(WAKE_OTHER_OF(n));
          owed = owed | WAKE_OTHER_OF(n)
        }
        atomic {
          PushIfNew();
          owed_for_sure = owed_for_sure | (owed & WAKE_OTHER_OF(n))
        }
#ifndef NEVER_KILLED
     :: Mark(DEAD);  // Kill()
        atomic { PushIfNew(); killed = true }
#endif
     fi
  :: else -> break
  od;
  atomic { i = 0; threads_left-- }
}

// ---------------------------------------------------------------------------
// core/worker.h: the worker.

// Worker::DisarmTimer()
inline DisarmTimer() {
  atomic { taken = state & (WAKE_TIMER | TIMER_ASKED); armed = 0 }  // load
  if
  :: taken != 0 ->
#ifdef FORGET_BEFORE_LOWERING
     asked = NOTHING;
     state = state & ~(WAKE_TIMER | TIMER_ASKED)
#else
#ifndef LEAVE_WHAT_HAS_BEGUN
     state = state & ~(WAKE_TIMER | TIMER_ASKED);  // fetch_and
#endif
#ifndef LEAVE_WHAT_WAS_ASKED
     asked = NOTHING  // store
#endif
#endif
  :: taken == 0
  fi;
  taken = 0
}

// A function that runs on the worker, this task's or another's, calls WakeAt(),
// CancelTimer() or Kill().
inline CallHere() {
  if
  :: atomic { BeginCall() }
     DisarmTimer();
     atomic {
       armed = (released -> 0 : TIME(call));
       applied = call;
       EndCall()
     }
#ifndef NEVER_KILLED
  :: atomic { Mark(DEAD); PushIfNew(); killed = true }
#endif
  fi
}

// Worker::SetAskedTimer(). Not DisarmTimer(), which would forget what was asked
// since.
inline SetAskedTimer() {
  atomic {  // exchange
    call = asked;
#ifndef LOOK_WITHOUT_TAKING
    asked = NOTHING;
#endif
    if
    :: call == NOTHING  // It is set already.
    :: call != NOTHING ->
#ifndef TELL_WHAT_WAS_REPLACED
       begun = ((reasons & WAKE_TIMER) != 0 -> 0 : begun);
       reasons = reasons & ~WAKE_TIMER;
#endif
       armed = TIME(call);
       applied = call
    fi
  }
#ifdef FORGET_WHAT_IS_ASKED_SINCE
  if
  :: call == NOTHING
  :: call != NOTHING ->
     DisarmTimer();
     armed = TIME(call)
  fi;
#endif
  call = 0
}

// Worker::Run(Task&).
inline Run() {
  atomic {
    in_line = false;
    taken = state;
#ifdef TAKE_THE_DEATH
    state = 0;  // state_.fetch_and()
#else
    state = state & DEAD;
#endif
    may_run = !killed;
    may_tell = (replaced & SET(begun)) == 0
  }
  if
  :: (taken & DEAD) != 0 ->  // Release()
     DisarmTimer();
     atomic { assert(!released); released = true }
  :: (taken & DEAD) == 0 ->
     reasons = taken & REASONS;
     if
     :: (taken & TIMER_ASKED) != 0 -> SetAskedTimer()
     :: (taken & TIMER_ASKED) == 0
     fi;
     atomic {
       if
       :: reasons != 0 ->  // task.function_(reasons)
          assert(may_run && !released);
          assert((reasons & ~WAKE_TIMER & ~owed) == 0);
          owed = owed & ~reasons;
          owed_for_sure = owed_for_sure & ~reasons;
          if
          :: (reasons & WAKE_TIMER) != 0 ->
             assert(may_tell);
             assert((told & SET(begun)) == 0);
             told = (told | SET(begun)) & ~replaced;
             begun = 0
          :: else
          fi
       :: reasons == 0  // Its timer alone was set, or taken back.
       fi
     }
  fi;
  atomic { taken = 0; reasons = 0; may_run = false; may_tell = false }
}

// Worker::NoTaskIsQueued()
#ifdef WAIT_FOR_THE_DEAD
#define NO_TASK_IS_QUEUED ((state & QUEUED) == 0)
#else
#define NO_TASK_IS_QUEUED \
  ((state & DEAD) != 0 -> released : (state & QUEUED) == 0)
#endif

// All that was asked by calls that have returned is done.
inline AssertAllDone() {
  assert(released || owed_for_sure == 0);
  assert(!killed || released);
  assert(released || (replaced & SET(applied)) == 0);
  assert(released || returned == 0 || applied != 0)
}

proctype Worker() {
  byte taken, reasons, call, calls_here;
  short earlier;
  bool push, may_run, may_tell;
  do
  :: in_line -> Run()
  :: atomic {  // FireTimers()
       armed != 0 ->
       begun = armed;
       armed = 0;
       Mark(WAKE_TIMER);
       PushIfNew()
     }
  :: calls_here < CALLS_HERE -> calls_here++; CallHere()
  :: atomic { !in_line && (NO_TASK_IS_QUEUED) -> AssertAllDone() }
  :: atomic { !in_line && threads_left == 0 -> break }
  od;
  assert(NO_TASK_IS_QUEUED);
  AssertAllDone();
  // What was asked last is armed, or was told.
  assert(armed == 0 || armed == applied);
  assert(released || armed == TIME(applied) || (told & SET(applied)) != 0);
  assert(!released || armed == 0)
}

init {
  byte n;
  atomic {
    do
    :: n < THREADS -> run Thread(n); n++
    :: else -> break
    od;
    n = 0;
    run Worker()
  }
}
