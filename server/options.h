// SPDX-License-Identifier: Apache-2.0
//
// ListenOptions, HostingOptions: everything you can configure on a Server
// before
//                                it starts. A Hosting has the second only: its
//                                ServerBuilder listens.
//
// Threads: plain data. Server::Start() and Hosting::Attach() validate it. A
//          value that is not valid stops the start; it is never replaced
//          silently.
// Example: pinion::Server server({.listen = "127.0.0.1:0"}, {.workers = 2});
//          pinion::Hosting hosting({.workers = 2});
#ifndef PINION_SERVER_OPTIONS_H_
#define PINION_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "pinion/core/cpu/cpu_plan.h"
#include "pinion/server/log.h"
#include "pinion/server/policy_options.h"
#include "pinion/server/tls_options.h"
#include "pinion/server/tracing_options.h"

namespace pinion {

struct ListenOptions {
  // The address to serve gRPC on: "host:port" (IPv6 hosts in brackets; port 0
  // picks a free port) or "unix:/path". If the name has several addresses, the
  // server listens on all of them, with one port, or does not start. "0.0.0.0"
  // means all IPv4 addresses of this machine, "[::]" all of its addresses.
  // Change it when clients on other machines must reach the server.
  //
  // "systemd" means the sockets that systemd hands over (LISTEN_FDS), and
  // "systemd:NAME" those whose FileDescriptorName is NAME. Connections then
  // wait in the kernel while the server restarts, and none is refused: see
  // docs/systemd.md. Sockets are never adopted without this.
  std::string listen = "127.0.0.1:50051";

  // While this is false, a server without `tls` listens on loopback addresses
  // and Unix sockets only. Set it to true only inside a network that you trust.
  bool allow_unencrypted_public_traffic = false;

  // The most connections that may be open at a time, 1 to 1,000,000. The server
  // closes any further connection at once. Raise it, together with the
  // process's limit of open files, when the log says that honest clients reach
  // it. Lower it when memory is short: an idle connection takes about 20 KB,
  // and the calls on it have limits of their own.
  int64_t max_connections = 16384;

  // The most open connections from one IPv4 address or one IPv6 /64 network, 1
  // to 1,000,000; 0 means half of max_connections. Loopback addresses, Unix
  // sockets and HostingOptions::trusted_proxies have no such limit, because
  // many clients share them. Set it to max_connections when all clients come
  // through one NAT. Lower it when clients connect directly and are not
  // trusted.
  int64_t max_connections_per_address = 0;

  // Soft limit on gRPC's own memory, in bytes, 16 MiB to 1 TiB. gRPC treats it
  // as a target. Raise it when many clients send large messages at a time;
  // lower it when the process must fit into less memory.
  int64_t grpc_memory_bytes = int64_t{1} << 30;

  // How long a connection may be silent before the server sends a ping, and how
  // long the client may take to answer the ping; each 100 ms to 1 hour. The
  // server drops a connection that does not answer, and releases everything
  // that its calls, sessions and streams hold. So a client whose machine or
  // network disappears holds its places for at most the sum of the two. Lower
  // both when many clients disappear that way. Raise the timeout when clients
  // on slow lines receive large answers, which may delay the ping's answer.
  absl::Duration keepalive_time = absl::Seconds(60);
  absl::Duration keepalive_timeout = absl::Seconds(20);

  // How long a client must wait between two pings while the server sends it
  // nothing else, 0 to 1 hour; 0 means not at all. The third ping that comes
  // earlier ends the connection, with GOAWAY ENHANCE_YOUR_CALM and the text
  // "too_many_pings". The default allows a keepalive of 10 s, the shortest in
  // gRPC for Go and Java, and some pings that come early. Lower it for clients
  // that must ping more often; raise it when pings on many idle connections are
  // a load.
  absl::Duration min_ping_interval = absl::Seconds(5);

  // After this time, 100 ms or more, varied by up to a tenth, the server asks
  // the client of a connection to open another one; InfiniteDuration() means
  // never. The old connection accepts no further calls, streams or sessions,
  // and ends with those that are open on it: a session lasts as long as
  // HostingOptions::max_session_age says. Set it when clients show
  // certificates, so that none is served for long after its certificate has
  // ended, or when a load balancer should spread long-lived clients over new
  // servers.
  absl::Duration max_connection_age = absl::InfiniteDuration();

  // Encryption, and the certificates of clients.
  TlsOptions tls = {};
};

struct HostingOptions {
  // ---- Workers and CPUs -----------------------------------------------------

  // The number of worker threads, which run the handlers, each on its own CPU:
  // 1 to the number of CPUs that this process's affinity mask and CPU quota
  // allow. 0 means half of them, but at least one. Raise it when the workers
  // are busy while the I/O threads are not.
  int workers = 0;

  // The workers' CPUs, in order, for example "0-3,8". Empty: the server
  // chooses. Set it when other processes must have CPUs of their own.
  std::string worker_cpus = {};

  // Whether each worker is pinned to one CPU, or the kernel may move the
  // workers among all of their CPUs. Let them float when other programs use the
  // same CPUs.
  CpuPolicy cpu_policy = CpuPolicy::kPin;

  // The number of threads that speak gRPC: they read calls and write answers; 1
  // to 64. 0 means as many as there are CPUs without a worker, but at least
  // one. Raise it when the I/O threads are busy while the workers are not.
  int io_threads = 0;

  // The number of further threads that speak gRPC for sessions only, 0 to 64. 0
  // means that the I/O threads above serve sessions, too. Then a client that
  // opens and cancels plain calls or streams as fast as it can keeps gRPC busy
  // on these threads, and sessions that share them wait, by hundreds of
  // milliseconds in the worst case. Set it to 1 or more when strangers may send
  // such calls to a server with sessions, and it has a CPU for each thread: a
  // session's call and a plain call then take up to half as much CPU time more,
  // since each of gRPC's threads reads for the others.
  int session_io_threads = 0;

  // ---- Lanes: one service on one worker -------------------------------------

  // The most calls of one service that one worker holds, 1 to 524,287, and the
  // most bytes of their requests, max_message_bytes to 512 GiB - 1. A held call
  // waits, runs, is kept by its handler as a Call, or is already answered while
  // its handler still runs. A call beyond either limit is refused with
  // RESOURCE_EXHAUSTED. Raise them when bursts are refused although the worker
  // catches up within the callers' deadlines. Lower them to refuse earlier.
  int64_t lane_calls = 16384;
  int64_t lane_bytes = int64_t{64} << 20;

  // The most server streams of one service that one worker has open, 1 to
  // 16,777,215. A stream beyond it is refused with RESOURCE_EXHAUSTED. Once its
  // handler has returned, a stream does not count towards lane_calls, so
  // open streams do not keep calls out. Raise it when more clients watch at a
  // time; each stream takes about 10 KB, most of it in gRPC, and its pending
  // messages. Lower it to save memory.
  int64_t lane_streams = 16384;

  // ---- Server memory --------------------------------------------------------

  // The most calls that the whole server holds, 1 to 16,777,215, and the most
  // bytes of their requests, metadata and answers, four times max_message_bytes
  // to 512 GiB - 1. Metadata counts as HTTP/2 counts it: names, values, and 32
  // bytes for each entry. With 32 KiB above the least, even the largest request
  // with 16 KiB of metadata can have the largest answer. They limit Pinion's
  // memory, not gRPC's. Raise them when calls are refused though memory is
  // free; lower them when memory is short.
  //
  // One session, or one connection with unary calls, can use only as much of
  // these limits, and of a lane's, as it leaves free: half when it is alone, a
  // third when there are two. So a client that floods the server or does not
  // read its answers is refused with REASON_SHARE_FULL, while others are
  // served. Before a handler runs, the server reserves room for an answer as
  // large as the method's recent ones. One connection may have at most 32,768
  // calls, streams and sessions open.
  int64_t server_calls = 1'000'000;
  int64_t server_bytes = int64_t{1} << 30;

  // The addresses of proxies that carry the calls of many clients over one
  // connection, for example "10.0.0.0/8, ::1". Empty: there are none. List
  // every proxy that forwards gRPC calls to this server; otherwise all clients
  // behind it share the limits of one connection. Unary calls from a listed
  // address are treated one by one, and share no limit with others, and its
  // connections do not count towards max_connections_per_address. Treated one
  // by one are also, in any case, unary calls over a Unix socket or in-process.
  // A session always has a share of its own.
  std::string trusted_proxies = {};

  // ---- Sessions and streams -------------------------------------------------

  // The most calls that one session may have open, 1 to 1,000,000, and the most
  // bytes that they may take, max_message_bytes to 512 GiB - 1: their requests,
  // their metadata and up to 384 bytes more for each call. A call beyond either
  // limit is refused with REASON_TOO_MANY_CALLS. Raise them for clients that
  // keep more calls in flight; lower them to give one client less memory.
  int64_t session_calls = 16384;
  int64_t session_bytes = int64_t{64} << 20;

  // The most bytes of pending messages in one server stream: sent by the
  // handler and not yet taken by the client, with 64 bytes for each message;
  // max_message_bytes to 512 GiB - 1. Beyond it, Stream::Send() sends nothing
  // and returns RESOURCE_EXHAUSTED. While less than half is used, one more
  // message of any size may be sent. The bytes count towards server_bytes, too.
  // Raise it when handlers send in large bursts; lower it when many streams are
  // open.
  int64_t stream_bytes = int64_t{4} << 20;

  // How long a client may take none of the data that is written to it, 10 ms to
  // 1 hour. Then the server breaks the session or the server stream, or the
  // unary call whose answer it is. Raise it for clients that pause for longer;
  // lower it to release the memory of dead clients sooner.
  absl::Duration write_timeout = absl::Seconds(30);

  // After this time, above 0, the server asks a session's client to open
  // another session; InfiniteDuration() means never. From then on the server
  // refuses the old session's new calls, and after `grace` it ends the session
  // with the calls that are still open. Set it when a load balancer should
  // spread long-lived clients over new servers.
  absl::Duration max_session_age = absl::InfiniteDuration();

  // ---- Message size and time limits -----------------------------------------

  // The largest request and the largest response, in bytes, 1 KiB to 1 GiB. In
  // a Hosting, the builder's own limit applies to requests as well: the lower
  // one holds. Raise it when a valid message is refused as too large; the byte
  // limits above must allow it.
  int64_t max_message_bytes = 4 << 20;

  // The deadline of calls that come without one, above 0. InfiniteDuration()
  // means that they have no deadline. Set it when some clients forget
  // deadlines.
  absl::Duration default_timeout = absl::InfiniteDuration();

  // How much one party may ask for (server/policy_options.h).
  PartyLimitOptions limits = {};

  // ---- Health and stop ------------------------------------------------------

  // A worker counts as stalled once one handler has run this long, 10 ms to 1
  // hour. Its health is then NOT_SERVING, and a call that would have to wait
  // longer than it may is refused with REASON_LANE_STALLED. Raise it when
  // healthy handlers run for longer than this.
  absl::Duration stall_after = absl::Seconds(1);

  // Whether the report of a stalled worker has the worker's stack, which shows
  // the line of code that holds it. The worker is sent SIGURG for that, at most
  // twice a second in all; some system calls of the handler then return EINTR
  // (core/stacks/thread_stacks.h). Set it to false if your handlers cannot cope
  // with that.
  bool stall_stacks = true;

  // The share of the workers, 0 to 1, that must not be stalled so that health
  // reports SERVING for the whole server and its services. At least one worker
  // must work in any case; 0 means just that. When a load balancer sees
  // NOT_SERVING, it stops using the healthy workers too, and their load goes to
  // other servers. Raise it when those have room for that load; with 1, one
  // stalled worker is enough.
  double healthy_share = 0;

  // How long a stop still accepts calls after health has become NOT_SERVING, 0
  // to 1 hour, so that load balancers can choose other servers. A session's
  // client is notified of the stop directly, and the session accepts no calls
  // after that. Raise it to a little more than your load balancer's check
  // interval.
  absl::Duration lame_duck = absl::ZeroDuration();

  // How long a stop then waits for open calls and for running handlers, even
  // those whose call is already answered; 0 to 1 hour. After that, all calls
  // that still wait or run are answered UNAVAILABLE. Streams that their
  // handlers have left open without an OnChange() end as the grace period
  // begins. Make it longer than the longest handler that must not be cut off.
  absl::Duration grace = absl::Seconds(10);

  // ---- Logging and keys -----------------------------------------------------

  // Receives each line that an operator should see, finished in the form of
  // log_format, without its line end. Empty: lines go to standard error. Pinion
  // calls it on its own thread, "pinion-log", with one line at a time and in
  // order, from Attach() until the destructor returns. It may block: up to 256
  // KiB of lines wait meanwhile, and further lines are dropped and counted in a
  // later line. Neither calls nor a stop wait for it; only the destructor does.
  // (In a server that a test steps, the thread that logs calls it directly.)
  // Set it when the lines should go to your own log.
  LogFunction log = {};

  // The form of a line: text for people, or one JSON object. docs/logs.md has
  // both. Set it to JSON when a machine reads the lines. Hosting::SetLog()
  // changes this and the next two while the server runs.
  LogFormat log_format = LogFormat::kText;

  // The lowest level that is written: debug, info, warning or error. Raise it
  // when only trouble is of interest; lower it, together with GRPC_VERBOSITY,
  // when gRPC's debug lines are wanted.
  LogLevel log_level = LogLevel::kInfo;

  // Whether lines, and the errors of Stop(), name the keys of calls. If not,
  // they name the key's slot, one of 4096, which shows whether two lines may be
  // about one key. Set it to true when keys are no personal data, or the log is
  // as well protected as the data.
  bool log_keys = false;

  // Seed of the hash that maps keys to workers, any 64-bit number. Servers with
  // the same seed and the same number of workers map keys alike. Set it to a
  // secret number when strangers choose keys and must not be able to aim them
  // all at one worker.
  uint64_t key_seed = 0;

  // ---- Observing ------------------------------------------------------------

  // One of so many calls is sampled, 1 to 1,000,000; 0: none is. From samples
  // Pinion tells the hottest keys and the recent calls of a key
  // (docs/observing.md); the slowest calls are kept in any case. A sampled call
  // takes about a microsecond more. Lower it when a server has few calls and
  // you want to see each; raise it when calls are so short that this can be
  // seen.
  int64_t sample_calls = 64;

  // Whether an operator who looks into the server, on the admin page or with
  // the tool `pinion`, sees the keys of calls. If not, a key is named by its
  // hash and its slot. (A hash is no secret from those who know key_seed: they
  // can try keys.) Set it to true when keys are no personal data, or all who
  // may ask the server may see them.
  bool show_keys = false;

  // ---- Who calls ------------------------------------------------------------

  // Tokens: JWTs in the metadata "authorization", as "Bearer TOKEN". Empty:
  // tokens are no business of this server, and handlers see that metadata as
  // any other. Otherwise a call with a token that is not valid is refused with
  // UNAUTHENTICATED, and a valid one proves the principal
  // "jwt:ISSUER#SUBJECT" (CallContext::principals()). A call without a token
  // proves nothing by one; a policy can demand it. docs/security.md says more.
  //
  // token_keys is the path of a JWK set file with the issuer's public keys. The
  // server looks at it each second and takes over new keys; while the file is
  // not valid, the old ones stay. token_issuer is the "iss" that a token must
  // have, and token_audience must be among its "aud"; give both with
  // token_keys.
  std::string token_keys = {};
  std::string token_issuer = {};
  std::string token_audience = {};

  // The algorithms that a token may be signed with, with commas between them:
  // RS256, RS384, RS512, the same with PS, ES and HS. Change it to what your
  // issuer uses. With HS the file has secrets, with which whoever can read it
  // can make tokens.
  std::string token_algorithms = "ES256,RS256";

  // How much the issuer's clock may differ from this machine's, 0 to 1 hour: a
  // token is taken so long before its "nbf" and after its "exp". Raise it when
  // clocks are not synchronized.
  absl::Duration token_leeway = absl::Seconds(60);

  // How many valid tokens are remembered, 1 to 1,000,000, so that their
  // signatures are not checked again. Raise it when more clients with tokens
  // call at a time; a token takes about three times its own size, which is
  // mostly 1 KB and at most 8 KiB.
  int64_t token_cache_entries = 4096;

  // The most signatures that are checked in a second, 1 to 1,000,000: in all,
  // and for one IPv4 address or one IPv6 /64 network (trusted_proxies and Unix
  // sockets have the first only). A check takes 25 to 125 us of CPU time, on
  // threads that are not workers. A call whose token cannot be checked now is
  // refused with RESOURCE_EXHAUSTED. Raise them when many clients come at once,
  // after a restart for instance; lower them when strangers reach the server.
  int64_t token_checks_per_second = 1000;
  int64_t token_checks_per_address = 100;

  // Who may call what (server/policy_options.h).
  PolicyOptions policy = {};

  // The principals, with commas between them, of proxies that tell who their
  // clients are, in x-forwarded-client-cert: for example
  // "x509:spiffe://mesh/gateway". Of a listed one's calls, the last element of
  // that header proves who calls, and nothing else does; the header of anybody
  // else is ignored. Empty: nobody is listed. List a proxy that ends the TLS of
  // your clients, checks their certificates and sets or appends the header.
  std::string forwarded_identity_from = {};

  // ---- Reflection -----------------------------------------------------------

  // Whether the server tells which services it has, and their .proto files, to
  // clients that ask by grpc.reflection.v1alpha, as `buf curl`, `grpcurl` and
  // `pinion call` do. In a Hosting these are all services of the builder's
  // server; if the program links gRPC's own reflection, that answers instead.
  // Set it to false when clients that you do not trust reach the server and
  // must not learn the names and fields of its messages.
  bool reflection = true;

  // ---- Tracing --------------------------------------------------------------

  // Which calls the server makes spans of, and where it sends them
  // (server/tracing_options.h).
  TracingOptions tracing = {};
};

// Returns INVALID_ARGUMENT with one line that names the option, its value and
// what would be valid.
absl::Status Validate(const ListenOptions& options);
absl::Status Validate(const HostingOptions& options);

// The same for each option that is not valid; Validate() returns the first.
std::vector<absl::Status> Mistakes(const ListenOptions& options);
std::vector<absl::Status> Mistakes(const HostingOptions& options);

}  // namespace pinion

#endif  // PINION_SERVER_OPTIONS_H_
