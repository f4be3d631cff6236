// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/call/metadata_meter.h"

namespace pinion {

MetadataMeter MeterOf(const grpc::ServerContextBase& context) {
  MetadataMeter meter;
  for (const auto& [name, value] : context.client_metadata()) {
    if (!meter.Add({name.data(), name.size()}, {value.data(), value.size()})) {
      break;
    }
  }
  return meter;
}

}  // namespace pinion
