// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/tracing/trace_exporter.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/core/base/check.h"
#include "pinion/core/base/thread_without_signals.h"
#include "pinion/otlp/v1/trace.pb.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

constexpr char kExport[] =
    "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

// How long gRPC waits at most before it tries to connect again.
constexpr int kReconnectMillis = 5000;

std::shared_ptr<grpc::Channel> ChannelTo(const TraceExporterOptions& options) {
  grpc::ChannelArguments arguments;
  // No other channel of the program shares its connection, or its fate.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMillis);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, options.by_proxy ? 1 : 0);
  const auto credentials =
      options.ca.empty() ? grpc::InsecureChannelCredentials()
                         : grpc::SslCredentials({.pem_root_certs = options.ca,
                                                 .pem_private_key = "",
                                                 .pem_cert_chain = ""});
  return grpc::CreateCustomChannel(options.collector, credentials, arguments);
}

grpc::ByteBuffer ToBuffer(const otlp::v1::ExportTraceServiceRequest& request) {
  const grpc::Slice slice(request.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

otlp::v1::ExportTracePartialSuccess PartOf(const grpc::ByteBuffer& response) {
  otlp::v1::ExportTraceServiceResponse parsed;
  grpc::Slice slice;
  // What cannot be read says nothing of rejected spans.
  if (!response.DumpToSingleSlice(&slice).ok() ||
      !parsed.ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) {
    return {};
  }
  return parsed.partial_success();
}

}  // namespace

absl::StatusOr<std::string> ReadCollectorCa(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string content((std::istreambuf_iterator<char>(file)),
                            std::istreambuf_iterator<char>());
  if (content.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("trace_collector_ca is \"", path,
                     "\", which cannot be read or is empty; valid is a PEM "
                     "file with certificates"));
  }
  if (!absl::StrContains(content, "-----BEGIN CERTIFICATE-----")) {
    return absl::InvalidArgumentError(
        absl::StrCat("trace_collector_ca is \"", path,
                     "\", which has no certificate; valid is a PEM file with "
                     "certificates"));
  }
  return content;
}

TraceExporter::TraceExporter(TraceExporterOptions options, SpanQueue& queue)
    : options_(std::move(options)),
      source_({.service_name = options_.service_name, .process_id = getpid()}),
      queue_(queue) {}

TraceExporter::~TraceExporter() {
  Stop(std::chrono::nanoseconds(0), std::chrono::nanoseconds(0));
  calls_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (calls_.Next(&tag, &ok)) {
  }
}

void TraceExporter::Start() {
  stub_ = std::make_unique<grpc::GenericStub>(ChannelTo(options_));
  thread_ = ThreadWithoutSignals([this] {
    pthread_setname_np(pthread_self(), "pinion-trace");
    Run();
    ended_.Notify();
    EndFirstWait();
  });
}

void TraceExporter::Stop(std::chrono::nanoseconds timeout,
                         std::chrono::nanoseconds hurried) {
  if (!thread_.joinable()) return;
  stopping_.Notify();
  queue_.Wake();
  if (failing_.load(std::memory_order_relaxed)) {
    timeout = std::min<std::chrono::nanoseconds>(timeout, kStopIfFailing);
  }
  const absl::Duration last = absl::FromChrono(std::min(timeout, hurried));
  if (!ended_or_hurried_.WaitForNotificationWithTimeout(
          absl::FromChrono(timeout)) ||
      !ended_.WaitForNotificationWithTimeout(last)) {
    GiveUp();
  }
  thread_.join();
  queue_.Close();
}

void TraceExporter::EndFirstWait() {
  // A notification may be notified once only.
  if (!first_wait_ended_.exchange(true)) ended_or_hurried_.Notify();
}

void TraceExporter::GiveUp() {
  MutexLock lock(mutex_);
  gave_up_ = true;
  if (context_.has_value()) context_->TryCancel();
}

void TraceExporter::Run() {
  bool stopping = false;
  while (!stopping) {
    queue_.Await(options_.every);
    stopping = stopping_.HasBeenNotified();
    SendWaiting(stopping);
  }
}

void TraceExporter::SendWaiting(bool all) {
  // One that is not full is the last of those that have come by now.
  bool more = true;
  while (more) {
    const Batch batch = queue_.Take();
    if (batch.empty()) return;
    Send(batch);
    more = all || batch.size() == queue_.batch();
  }
}

void TraceExporter::Send(const Batch& batch) {
  const grpc::ByteBuffer request =
      ToBuffer(MakeOtlpMessage(source_, batch, UnixNanos()));
  std::chrono::nanoseconds backoff = options_.first_backoff;
  grpc::ByteBuffer response;
  grpc::Status status = Call(request, response);
  for (int tries = 1; status.error_code() == grpc::StatusCode::UNAVAILABLE &&
                      tries < options_.tries;
       ++tries) {
    // The stop has no time for another try.
    if (stopping_.WaitForNotificationWithTimeout(absl::FromChrono(backoff))) {
      break;
    }
    backoff *= 2;
    status = Call(request, response);
  }
  if (status.ok()) {
    OnTaken(batch.size(), response);
  } else {
    OnFailed(batch.size(), status);
  }
}

grpc::Status TraceExporter::Call(const grpc::ByteBuffer& request,
                                 grpc::ByteBuffer& response) {
  grpc::Status status;
  grpc::ClientContext* context = nullptr;
  {
    MutexLock lock(mutex_);
    if (gave_up_) {
      return grpc::Status(grpc::StatusCode::CANCELLED, "the server stops");
    }
    context = &context_.emplace();
  }
  context->set_deadline(std::chrono::system_clock::now() +
                        options_.call_timeout);
  auto call = stub_->PrepareUnaryCall(context, kExport, request, &calls_);
  call->StartCall();
  call->Finish(&response, &status, this);
  void* tag = nullptr;
  bool ok = false;
  // At the call's deadline at the latest.
  PINION_CHECK(calls_.Next(&tag, &ok), "the exporter's queue was shut down");
  call.reset();
  MutexLock lock(mutex_);
  context_.reset();
  return status;
}

void TraceExporter::OnTaken(size_t spans, const grpc::ByteBuffer& response) {
  const otlp::v1::ExportTracePartialSuccess part = PartOf(response);
  const auto rejected = static_cast<size_t>(std::clamp<int64_t>(
      part.rejected_spans(), 0, static_cast<int64_t>(spans)));
  uint64_t dropped = 0;
  {
    MutexLock lock(mutex_);
    queue_.Release(spans);
    exported_ += spans - rejected;
    rejected_ += rejected;
    dropped = not_taken_ + queue_.dropped_full();
  }
  if (rejected > 0) {
    Log(options_.log,
        {.level = LogLevel::kWarning,
         .area = LogArea::kTracing,
         .event = "trace_spans_rejected",
         .message = absl::StrCat("the collector ", options_.collector,
                                 " has rejected ", rejected, " of ", spans,
                                 " spans: ", part.error_message())});
  }
  if (!failing_.exchange(false, std::memory_order_relaxed)) return;
  Log(options_.log,
      {.area = LogArea::kTracing,
       .event = "trace_export_works",
       .message = absl::StrCat("the collector ", options_.collector,
                               " takes spans again; ", dropped,
                               " were dropped since the start")});
}

void TraceExporter::OnFailed(size_t spans, const grpc::Status& status) {
  {
    MutexLock lock(mutex_);
    queue_.Release(spans);
    (gave_up_ ? at_stop_ : not_taken_) += spans;
  }
  if (failing_.exchange(true, std::memory_order_relaxed)) return;
  Log(options_.log,
      {.level = LogLevel::kWarning,
       .area = LogArea::kTracing,
       .event = "trace_export_failed",
       .message = absl::StrCat(
           "the collector ", options_.collector, " does not take spans, ",
           spans, " are dropped, and more will be until it does: ",
           absl::StatusCodeToString(
               static_cast<absl::StatusCode>(status.error_code())),
           ": ", status.error_message())});
}

TracingSnapshot TraceExporter::Snapshot() const {
  MutexLock lock(mutex_);
  return {.on = true,
          .exported = exported_,
          .dropped_queue_full = queue_.dropped_full(),
          .dropped_not_taken = not_taken_,
          .dropped_rejected = rejected_,
          .dropped_at_stop = at_stop_ + queue_.dropped_closed(),
          .waiting = queue_.waiting()};
}

uint64_t TraceExporter::UnixNanos() const {
  const Moment now = options_.clock.Now();
  return static_cast<uint64_t>(absl::ToUnixNanos(options_.wall_clock.Now())) -
         now.nanos();
}

}  // namespace pinion
