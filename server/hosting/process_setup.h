// SPDX-License-Identifier: Apache-2.0
//
// Settings of a server's whole process, so that nobody can stop or kill it by
// not taking its output.
//
// Threads: the main thread, before there are others.
// Example: int main() {
//            OpenStandardDescriptors();
//            IgnoreSigpipe();
//            QueueGrpcsLines();
#ifndef PINION_SERVER_HOSTING_PROCESS_SETUP_H_
#define PINION_SERVER_HOSTING_PROCESS_SETUP_H_

namespace pinion {

// Opens /dev/null in place of each closed standard descriptor (input, output,
// error). Otherwise a connection would get its number, and would receive the
// log. Call it first.
void OpenStandardDescriptors();

// Makes a write to a closed pipe or socket fail instead of ending the process,
// unless SIGPIPE has a handler.
void IgnoreSigpipe();

// Lets this process open as many files as it may: each connection takes one,
// and the limit at first is mostly 1024.
void AllowManyFiles();

// Has Abseil's locks, which gRPC uses, not look for deadlocks. Debian's Abseil
// is built to look: for each lock that a thread takes while it holds another,
// it updates a graph of all locks. That was 4 % of a unary server's CPU time.
void DontLookForDeadlocks();

// Sends gRPC's log lines (see GRPC_VERBOSITY) to ProcessLog()
// (log/server_log.h), so that they do not delay gRPC's threads. They become
// records of area grpc, whose event is the place in gRPC's source that writes
// them; so each place has a limit of its own.
void QueueGrpcsLines();

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_PROCESS_SETUP_H_
