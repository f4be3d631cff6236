// SPDX-License-Identifier: Apache-2.0
//
// LinkedList: a list whose links lie in its items. So adding and removing an
//             item allocates nothing and searches for nothing.
//
// Threads: one at a time, as its owner arranges it.
// Life:    an item leaves its list before it is destroyed.
// Cost:    constant time for each step; two pointers in each item, and one in
//          each list. An empty list consists of zero bytes.
// Example: struct Call : ListHook<Call> { ... };
//          LinkedList<Call> open;
//          open.PushFront(call);
//          LinkedList<Call>::Remove(call);  // From whichever it is in.
#ifndef PINION_CORE_BASE_LINKED_LIST_H_
#define PINION_CORE_BASE_LINKED_LIST_H_

#include <utility>

#include "pinion/core/base/check.h"

namespace pinion {

template <typename T>
class LinkedList;
template <typename T>
class LinkedQueue;

// The base class of a list's items. If you copy an item, the links stay where
// they are: the copy is in no list.
template <typename T>
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) {}
  ListHook& operator=(const ListHook&) { return *this; }

  // Whether it is in a list.
  bool linked() const { return to_this_ != nullptr; }

 private:
  friend class LinkedList<T>;
  friend class LinkedQueue<T>;

  T* next_ = nullptr;
  T** to_this_ = nullptr;  // The pointer that points here.
};

// The item that was added last is the first one.
template <typename T>
class LinkedList {
 public:
  LinkedList() = default;
  LinkedList(LinkedList&& other) noexcept { *this = std::move(other); }
  // This list must be empty. It takes all items of the other one.
  LinkedList& operator=(LinkedList&& other) noexcept {
    PINION_DCHECK(empty(), "the items of a list would be lost");
    first_ = std::exchange(other.first_, nullptr);
    if (first_ != nullptr) Hook(*first_).to_this_ = &first_;
    return *this;
  }

  // `item` must be in no list.
  void PushFront(T& item) {
    PINION_DCHECK(!Hook(item).linked(), "the item is in a list already");
    PutAt(&first_, first_, item);
  }
  // Removes `item` from the list that it is in, whichever that is.
  static void Remove(T& item) {
    T** const to_this = std::exchange(Hook(item).to_this_, nullptr);
    *to_this = Hook(item).next_;
    if (*to_this != nullptr) Hook(**to_this).to_this_ = to_this;
  }
  // Puts `item`, which must be in no list, into the place of `old`.
  static void Replace(T& old, T& item) {
    T** const to_this = std::exchange(Hook(old).to_this_, nullptr);
    PutAt(to_this, Hook(old).next_, item);
  }

  bool empty() const { return first_ == nullptr; }
  // Null if the list is empty.
  T* front() const { return first_; }
  // The one behind `item`; null if it is the last.
  static T* Next(T& item) { return Hook(item).next_; }

 private:
  static ListHook<T>& Hook(T& item) { return item; }
  static void PutAt(T** to_this, T* next, T& item) {
    Hook(item).next_ = next;
    Hook(item).to_this_ = to_this;
    *to_this = &item;
    if (next != nullptr) Hook(*next).to_this_ = &Hook(item).next_;
  }

  T* first_ = nullptr;
};

// The same for items that leave in the order in which they came. It takes two
// pointers, and cannot be moved.
template <typename T>
class LinkedQueue {
 public:
  LinkedQueue() = default;
  LinkedQueue(const LinkedQueue&) = delete;
  LinkedQueue& operator=(const LinkedQueue&) = delete;

  // `item` must be in no list.
  void PushBack(T& item) {
    ListHook<T>& hook = item;
    PINION_DCHECK(!hook.linked(), "the item is in a list already");
    hook.next_ = nullptr;
    hook.to_this_ = end_;
    *end_ = &item;
    end_ = &hook.next_;
  }
  // `item` must be in this queue.
  void Remove(T& item) {
    ListHook<T>& hook = item;
    if (hook.next_ == nullptr) end_ = hook.to_this_;
    LinkedList<T>::Remove(item);
  }

  // Null if the queue is empty.
  T* front() const { return first_; }

 private:
  T* first_ = nullptr;
  T** end_ = &first_;  // The pointer that will point to the next item.
};

}  // namespace pinion

#endif  // PINION_CORE_BASE_LINKED_LIST_H_
