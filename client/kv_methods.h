// SPDX-License-Identifier: Apache-2.0
//
// The methods of the kv service, for typed calls.
//
// Threads: constants; any thread.
// Example: client->Call(kv::kPut, request);
//          client->Stream(kv::kWatch, request);
#ifndef PINION_CLIENT_KV_METHODS_H_
#define PINION_CLIENT_KV_METHODS_H_

#include "pinion/client/method.h"
#include "pinion/kv/v1/kv.pb.h"

namespace pinion::kv {

inline constexpr Method<v1::GetRequest, v1::GetResponse> kGet(
    "/pinion.kv.v1.KvService/Get");
inline constexpr Method<v1::PutRequest, v1::PutResponse> kPut(
    "/pinion.kv.v1.KvService/Put");
inline constexpr Method<v1::DeleteRequest, v1::DeleteResponse> kDelete(
    "/pinion.kv.v1.KvService/Delete");
inline constexpr Method<v1::IncrementRequest, v1::IncrementResponse> kIncrement(
    "/pinion.kv.v1.KvService/Increment");

inline constexpr Method<v1::CompareAndSetRequest, v1::CompareAndSetResponse>
    kCompareAndSet("/pinion.kv.v1.KvService/CompareAndSet");
inline constexpr StreamMethod<v1::WatchRequest, v1::WatchResponse> kWatch(
    "/pinion.kv.v1.KvService/Watch");

}  // namespace pinion::kv

#endif  // PINION_CLIENT_KV_METHODS_H_
