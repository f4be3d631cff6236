// SPDX-License-Identifier: Apache-2.0
//
// The listener's parts: addresses, sockets, and the count of connections.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/server/listener/episode.h"
#include "pinion/server/listener/listening_sockets.h"
#include "pinion/server/listener/open_connections.h"
#include "pinion/server/listener/socket_address.h"
#include "pinion/server/party/trusted_proxies.h"

namespace pinion {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Outcome = OpenConnections::Outcome;

constexpr Moment kNow(1'000'000'000);

SocketAddress Address(absl::string_view text) {
  const auto found = Resolve(text);
  EXPECT_TRUE(found.ok()) << found.status();
  return found->at(0);
}

// Whether someone listens on `address`.
bool CanConnect(const SocketAddress& address) {
  const int client = socket(address.family(), SOCK_STREAM, 0);
  const bool can = connect(client, address.get(), address.size) == 0;
  close(client);
  return can;
}

// Relative: the folder's own name may be longer than a socket's path may be.
std::string PathFor(const std::string& name) {
  EXPECT_EQ(chdir(::testing::TempDir().c_str()), 0);
  return absl::StrCat(name, getpid());
}

TEST(ListeningSocketsTest, ListenOnEveryAddressOfANameWithOnePort) {
  const auto sockets = ListeningSockets::OpenAll(
      {Address("127.0.0.1:0"), Address("127.0.0.2:0"), Address("127.0.0.3:0")},
      {});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_THAT(sockets->descriptors(), SizeIs(3));
  for (const char* host : {"127.0.0.1", "127.0.0.2", "127.0.0.3"}) {
    const std::string address = absl::StrCat(host, ":", sockets->port());
    EXPECT_TRUE(CanConnect(Address(address))) << address;
  }
}

TEST(ListeningSocketsTest, AllOfANamesAddressesMustBeFree) {
  const auto taken = ListeningSockets::Open("127.0.0.2:0", {});
  ASSERT_TRUE(taken.ok()) << taken.status();
  const std::string port = absl::StrCat(taken->port());
  const auto both = ListeningSockets::OpenAll(
      {Address("127.0.0.1:" + port), Address("127.0.0.2:" + port)}, {});
  EXPECT_EQ(std::string(both.status().message()),
            "127.0.0.2:" + port +
                ": Address already in use; stop the server that has it, or "
                "listen on another port (a name is served on all of its "
                "addresses or on none, so that its clients reach one server: "
                "127.0.0.1:" +
                port + ", 127.0.0.2:" + port + ")");
  EXPECT_FALSE(CanConnect(Address("127.0.0.1:" + port)));
}

// As "localhost" has.
TEST(ListeningSocketsTest, AnIpv6AndAnIpv4AddressOfOneNameAreBothServedOrNone) {
  for (const auto& [first, second] :
       {std::pair("[::1]", "127.0.0.1"), std::pair("127.0.0.1", "[::1]")}) {
    SCOPED_TRACE(first);
    const auto at = [](absl::string_view host, int port) {
      return Address(absl::StrCat(host, ":", port));
    };
    const auto free =
        ListeningSockets::OpenAll({at(first, 0), at(second, 0)}, {});
    ASSERT_TRUE(free.ok()) << free.status();
    if (free->descriptors().size() < 2) GTEST_SKIP() << "there is no IPv6 here";
    EXPECT_TRUE(CanConnect(at(first, free->port())));
    EXPECT_TRUE(CanConnect(at(second, free->port())));
    for (const char* taken_host : {first, second}) {
      const auto taken =
          ListeningSockets::Open(absl::StrCat(taken_host, ":0"), {});
      ASSERT_TRUE(taken.ok()) << taken.status();
      const auto both = ListeningSockets::OpenAll(
          {at(first, taken->port()), at(second, taken->port())}, {});
      EXPECT_THAT(std::string(both.status().message()),
                  StartsWith(absl::StrCat(taken_host, ":", taken->port(),
                                          ": Address already in use")));
      EXPECT_FALSE(
          CanConnect(at(taken_host == first ? second : first, taken->port())));
    }
  }
}

TEST(ListeningSocketsTest, PassOverAnAddressThatThisMachineDoesNotHave) {
  // For documentation (RFC 5737): no machine has it.
  const auto sockets = ListeningSockets::OpenAll(
      {Address("192.0.2.1:0"), Address("127.0.0.1:0")}, {});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_THAT(sockets->descriptors(), SizeIs(1));
  EXPECT_FALSE(ListeningSockets::Open("192.0.2.1:0", {}).ok());
}

TEST(ListeningSocketsTest, APortIsOneServersAlone) {
  const auto first = ListeningSockets::Open("127.0.0.1:0", {});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = absl::StrCat("127.0.0.1:", first->port());
  const auto second = ListeningSockets::Open(address, {});
  EXPECT_THAT(
      std::string(second.status().message()),
      AllOf(HasSubstr("cannot listen on " + address), HasSubstr("in use")));
}

TEST(ListeningSocketsTest, ReplaceAUnixSocketThatNobodyServesAnyMore) {
  const SocketAddress address = Address("unix:" + PathFor("left"));
  const int left = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(left, address.get(), address.size), 0);
  close(left);
  const auto sockets = ListeningSockets::Open(ToString(address), {});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_TRUE(CanConnect(address));
}

TEST(ListeningSocketsTest, DoNotReplaceAUnixSocketThatIsServedOrAFile) {
  const std::string served = "unix:" + PathFor("served");
  const auto first = ListeningSockets::Open(served, {});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(
      std::string(ListeningSockets::Open(served, {}).status().message()),
      AllOf(HasSubstr(served), HasSubstr("another server listens on it")));
  EXPECT_TRUE(CanConnect(Address(served)));

  const std::string file = PathFor("file");
  std::ofstream(file) << "text";
  EXPECT_THAT(
      std::string(
          ListeningSockets::Open("unix:" + file, {}).status().message()),
      HasSubstr(file + " is a plain file, not a socket; remove it"));
  const std::string folder = PathFor("folder");
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  EXPECT_THAT(
      std::string(
          ListeningSockets::Open("unix:" + folder, {}).status().message()),
      HasSubstr(folder + " is a directory"));
  rmdir(folder.c_str());
  EXPECT_TRUE(std::ifstream(file).good());
}

TEST(ListeningSocketsTest, RemoveTheirOwnFileAndNoOther) {
  struct stat file;
  const std::string own = PathFor("own");
  const std::string others = PathFor("others");
  {
    const auto sockets = ListeningSockets::Open("unix:" + own, {});
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    ASSERT_EQ(stat(own.c_str(), &file), 0);
    const auto replaced = ListeningSockets::Open("unix:" + others, {});
    ASSERT_TRUE(replaced.ok()) << replaced.status();
    ASSERT_EQ(rename(others.c_str(), (others + "-old").c_str()), 0);
    std::ofstream(others) << "text";
  }
  EXPECT_NE(stat(own.c_str(), &file), 0);
  EXPECT_EQ(stat(others.c_str(), &file), 0);
}

TEST(ListeningSocketsTest, TakeAbstractNamesAndRefuseLongPaths) {
  const std::string name = absl::StrCat("unix-abstract:pinion-", getpid());
  const auto sockets = ListeningSockets::Open(name, {});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_TRUE(CanConnect(Address(name)));

  const std::string longest = "unix:/tmp/" + std::string(103, 'x');
  EXPECT_THAT(
      std::string(ListeningSockets::Open(longest, {}).status().message()),
      AllOf(HasSubstr("at most 107 bytes"), HasSubstr("this has 108")));
}

TEST(ListeningSocketsTest, AdoptWhatListensAndNothingElse) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int packets = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  const int file = open("/dev/null", O_RDONLY);
  const std::pair<int, const char*> flaws[] = {
      {listener, "does not listen"},    {datagrams, "is no stream socket"},
      {packets, "is no stream socket"}, {file, "is no socket"},
      {1'000'000, "is no socket"},
  };
  for (const auto& [descriptor, flaw] : flaws) {
    EXPECT_THAT(
        std::string(
            ListeningSockets::Adopt({descriptor}, {}).status().message()),
        AllOf(StartsWith(absl::StrCat("descriptor ", descriptor, " ", flaw)),
              HasSubstr("stream socket that listens is needed")));
  }
  ASSERT_EQ(listen(listener, 1), 0);
  // None of several if one is none.
  EXPECT_FALSE(ListeningSockets::Adopt({listener, file}, {}).ok());
  for (const int other : {datagrams, packets, file}) {
    EXPECT_EQ(close(other), 0) << "it was taken, though it was refused";
  }
  const auto sockets = ListeningSockets::Adopt({listener}, {});
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_NE(sockets->port(), 0);
  EXPECT_EQ(PortOf(sockets->addresses().at(0)), sockets->port());
  EXPECT_NE(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(fcntl(listener, F_GETFD) & FD_CLOEXEC, 0);
}

TEST(ListeningSocketsTest, LeaveTheFileOfAnAdoptedUnixSocket) {
  const std::string path = PathFor("adopted");
  const SocketAddress address = Address("unix:" + path);
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(listener, address.get(), address.size), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  const int kept = dup(listener);  // As systemd keeps one.
  {
    const auto sockets = ListeningSockets::Adopt({listener}, {});
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    EXPECT_EQ(ToString(sockets->addresses().at(0)), "unix:" + path);
  }
  EXPECT_TRUE(CanConnect(address));
  close(kept);
  unlink(path.c_str());
}

TEST(SocketAddressTest, IsLocalIfOnlyThisMachineReachesIt) {
  for (const char* local :
       {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1",
        "unix:/tmp/x", "unix-abstract:x"}) {
    EXPECT_TRUE(IsLocal(Address(local))) << local;
  }
  for (const char* other : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::2]:1",
                            "[::ffff:10.0.0.1]:1", "[2001:db8::1]:1"}) {
    EXPECT_FALSE(IsLocal(Address(other))) << other;
  }
}

TEST(SocketAddressTest, IsWrittenAsItIsReached) {
  for (const char* text :
       {"127.0.0.1:80", "[2001:db8::7]:80", "unix:/tmp/x", "unix-abstract:x"}) {
    EXPECT_EQ(ToString(Address(text)), text);
  }
}

TEST(SocketAddressTest, GroupsIpv6ByNetworkAndLoopbackNotAtAll) {
  const auto group = [](const char* address) {
    return GroupOf(Address(absl::StrCat(address, ":1")), {});
  };
  EXPECT_EQ(group("10.0.0.1"), group("[::ffff:10.0.0.1]"));
  EXPECT_NE(group("10.0.0.1"), group("10.0.0.2"));
  EXPECT_EQ(group("[2001:db8:0:1::1]"), group("[2001:db8:0:1:ffff::2]"));
  EXPECT_NE(group("[2001:db8:0:1::1]"), group("[2001:db8:0:2::1]"));
  for (const char* local :
       {"127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"}) {
    EXPECT_EQ(group(local), std::nullopt) << local;
  }
  EXPECT_EQ(GroupOf(Address("unix:/tmp/x"), {}), std::nullopt);
}

TEST(SocketAddressTest, GroupsNoTrustedProxy) {
  const auto proxies = TrustedProxies::Parse("10.0.0.0/8, 2001:db8::7");
  ASSERT_TRUE(proxies.ok()) << proxies.status();
  for (const char* proxy :
       {"10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8::7]:1"}) {
    EXPECT_NE(GroupOf(Address(proxy), {}), std::nullopt) << proxy;
    EXPECT_EQ(GroupOf(Address(proxy), *proxies), std::nullopt) << proxy;
  }
  for (const char* other : {"11.1.2.3:1", "[2001:db8::8]:1"}) {
    EXPECT_NE(GroupOf(Address(other), *proxies), std::nullopt) << other;
  }
}

TEST(SocketAddressTest, HasTheNameThatGrpcGivesToAPeer) {
  EXPECT_EQ(PeerName(Address("10.1.2.3:4")), "ipv4:10.1.2.3:4");
  EXPECT_EQ(PeerName(Address("[2001:db8::7]:4")), "ipv6:[2001:db8::7]:4");
  EXPECT_EQ(PeerName(Address("unix:/tmp/x")), "unix:/tmp/x");
}

// Connections that stay until they are closed.
class Connections {
 public:
  ~Connections() {
    for (const int descriptor : open_) close(descriptor);
  }
  int Open() {
    open_.push_back(socket(AF_INET, SOCK_STREAM, 0));
    return open_.back();
  }
  // The one that was opened last.
  void CloseLast() {
    close(open_.back());
    open_.pop_back();
  }
  // The one opened first; nobody takes its descriptor meanwhile.
  void CloseFirst() {
    close(open_.front());
    open_.erase(open_.begin());
  }

 private:
  std::vector<int> open_;
};

TEST(OpenConnectionsTest, SeeThatOneHasEndedWhenItsDescriptorComesAgain) {
  Connections made;
  OpenConnections connections({.in_all = 2, .per_group = 2});
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  // No look at all is made meanwhile, though the time is the same.
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
    made.CloseLast();
  }
  EXPECT_EQ(connections.Counts().open, 1);
  EXPECT_EQ(connections.Counts().accepted, 101);
}

TEST(OpenConnectionsTest, KnowTheMostThatWereOpenAtATime) {
  Connections made;
  OpenConnections connections({.in_all = 5, .per_group = 5});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  }
  made.CloseLast();
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  made.CloseLast();
  EXPECT_EQ(connections.Counts().open, 2);
  EXPECT_EQ(connections.Counts().most_open, 3);
}

TEST(OpenConnectionsTest, LookForThoseThatHaveEndedWhenThereIsNoRoom) {
  Connections made;
  OpenConnections connections({.in_all = 1, .per_group = 1});
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kFull);
  const int waits = made.Open();
  made.CloseFirst();
  // It has looked just now.
  EXPECT_EQ(connections.Add(waits, std::nullopt, kNow), Outcome::kFull);
  EXPECT_EQ(connections.Add(waits, std::nullopt,
                            kNow + OpenConnections::kBetweenLooks),
            Outcome::kRoom);
  EXPECT_EQ(connections.Counts().refused, 2);
}

TEST(OpenConnectionsTest, ADescriptorThatIsAnotherFilesIsNoConnection) {
  Connections made;
  OpenConnections connections({.in_all = 1, .per_group = 1});
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  made.CloseLast();
  made.Open();  // It is of the test's own.
  EXPECT_EQ(connections.Counts().open, 0);
}

TEST(OpenConnectionsTest, OneAddressDoesNotTakeThePlacesOfOthers) {
  Connections made;
  OpenConnections connections({.in_all = 4, .per_group = 2});
  EXPECT_EQ(connections.Add(made.Open(), 1, kNow), Outcome::kRoom);
  EXPECT_EQ(connections.Add(made.Open(), 1, kNow), Outcome::kRoom);
  EXPECT_EQ(connections.Add(made.Open(), 1, kNow), Outcome::kGroupFull);
  made.CloseLast();
  EXPECT_EQ(connections.Add(made.Open(), 2, kNow), Outcome::kRoom);
  made.CloseFirst();
  EXPECT_EQ(connections.Add(made.Open(), 1, kNow), Outcome::kRoom);
  // What has no group is bounded in all alone.
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kRoom);
  EXPECT_EQ(connections.Add(made.Open(), std::nullopt, kNow), Outcome::kFull);
}

TEST(EpisodeTest, IsToldOnceWhenItBeginsAndOnceWhenItIsOver) {
  Episode episode;
  EXPECT_TRUE(episode.Note(kNow));
  EXPECT_FALSE(episode.Note(kNow + std::chrono::seconds(4)));
  EXPECT_FALSE(episode.EndBy(kNow + std::chrono::seconds(8)));
  EXPECT_TRUE(episode.EndBy(kNow + std::chrono::seconds(9)));
  EXPECT_FALSE(episode.EndBy(kNow + std::chrono::seconds(10)));
  EXPECT_EQ(episode.lasted(), std::chrono::seconds(4));
  EXPECT_EQ(episode.times(), 2);
  EXPECT_TRUE(episode.Note(kNow + std::chrono::seconds(11)));
}

}  // namespace
}  // namespace pinion
