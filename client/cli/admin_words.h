// SPDX-License-Identifier: Apache-2.0
//
// What the pages about a server have in common: numbers, times and keys for
// people.
//
// Threads: plain functions; any thread.
// Safety:  keys, principals and names of clients are chosen by strangers. Each
//          function that takes a text or a message makes one line without a
//          control character of it, whatever the server sent.
// Example: absl::StrCat("it has run for ", SpanText(running.age_ns()))
#ifndef PINION_CLIENT_CLI_ADMIN_WORDS_H_
#define PINION_CLIENT_CLI_ADMIN_WORDS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/admin/v1/admin.pb.h"

namespace pinion::cli {

// What the server says, as one line.
std::string Words(absl::string_view text);

// "940", "16.4k", "1.23M". At most six columns below 10^15.
std::string CountText(uint64_t count);
// A rate, or another number that is not whole: "0.25", "9.4", "16.4k".
std::string NumberText(double number);
// "820ns", "12.3us", "4.20s", "3m 04s", "2h 05m", "3d 04h".
std::string SpanText(uint64_t nanos);
// "512 B", "3.1 KiB", "256 MiB".
std::string SizeText(int64_t bytes);
// Of a part between 0 and 1: "5.3%".
std::string ShareText(double part);
// "2026-12-01 09:41:07"; "-" for 0.
std::string TimeText(uint64_t unix_ms, absl::TimeZone zone);

// "OK", "NOT_FOUND"; the number of a code that does not exist.
std::string CodeText(int32_t code);

// In a table: the key, `""` if it is empty, or "#0123456789abcdef slot 17", its
// hash and its slot, if the server does not show keys. The log has the slot
// alone.
std::string KeyText(const admin::v1::KeyName& key);
// In a sentence: `the key "cart-17"`, or "the key with the hash 0123... in slot
// 17".
std::string KeyWords(const admin::v1::KeyName& key);
// The same, for a sentence that has the slot elsewhere.
std::string KeyWithoutSlot(const admin::v1::KeyName& key);

// `/shop.v1.CartService/Add of the key "cart-17" for x509:cart`, or "a hop of
// shop.v1.CartService".
std::string RunningWords(const admin::v1::Running& running);

// "3 calls", "1 call".
std::string Calls(uint64_t count);

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_ADMIN_WORDS_H_
