// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/reflection/service_files.h"

#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pinion/kv/v1/kv.pb.h"
#include "shop/v1/counter.pb.h"
#include "tests/server/reflection/extending.pb.h"
#include "tests/server/reflection/open.pb.h"
#include "tests/server/reflection/unrelated.pb.h"

namespace pinion {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kOpenFile[] = "tests/server/reflection/open.proto";
constexpr char kImported[] = "tests/server/reflection/imported.proto";
constexpr char kExtending[] = "tests/server/reflection/extending.proto";
constexpr char kUnrelated[] = "tests/server/reflection/unrelated.proto";
constexpr char kRoute[] = "pinion/v1/route.proto";

constexpr char kOpen[] = "pinion.test.OpenService";
constexpr char kKv[] = "pinion.kv.v1.KvService";

bool SeesAll(absl::string_view) { return true; }
bool SeesKv(absl::string_view service) { return service == kKv; }

class ServiceFilesTest : public ::testing::Test {
 protected:
  ServiceFilesTest() {
    // Links the files in.
    test::Extending::descriptor();
    test::OpenRequest::descriptor();
    test::Unrelated::descriptor();
    kv::v1::GetRequest::descriptor();
    shop::v1::AddRequest::descriptor();
  }

  const ServiceFiles files_{
      {kOpen, kKv, "grpc.health.v1.Health", "shop.v1.NoSuchService", kOpen}};
};

TEST_F(ServiceFilesTest, ListsTheServicesInOrderAndOnce) {
  EXPECT_THAT(files_.Services(SeesAll),
              ElementsAre("grpc.health.v1.Health", kKv, kOpen,
                          "shop.v1.NoSuchService"));
  EXPECT_THAT(files_.Services(SeesKv), ElementsAre(kKv));
}

TEST_F(ServiceFilesTest, FindsTheFileOfEachKindOfName) {
  const ServiceFiles::File* const open = files_.FileByName(kOpenFile, SeesAll);
  ASSERT_NE(open, nullptr);
  for (const char* symbol :
       {"pinion.test.OpenService", "pinion.test.OpenService.Open",
        "pinion.test.OpenRequest", "pinion.test.OpenRequest.imported",
        "pinion.test.OpenRequest.choice", "pinion.test.OpenRequest.Inner",
        "pinion.test.OpenRequest.Color", "pinion.test.OpenRequest.COLOR_RED"}) {
    EXPECT_EQ(files_.FileOfSymbol(symbol, SeesAll), open) << symbol;
  }
  for (const char* symbol :
       {"", ".", "pinion", "pinion.test", "pinion.test.Open",
        ".pinion.test.OpenRequest", "pinion.test.OpenRequest.", "OpenRequest",
        "pinion.test.OpenService.Close", "shop.v1.NoSuchService"}) {
    EXPECT_EQ(files_.FileOfSymbol(symbol, SeesAll), nullptr) << symbol;
  }
}

TEST_F(ServiceFilesTest, KnowsWhatItsServicesImportAndNothingElse) {
  EXPECT_NE(files_.FileByName(kImported, SeesAll), nullptr);
  EXPECT_NE(files_.FileByName(kRoute, SeesAll), nullptr);
  EXPECT_NE(files_.FileByName("google/protobuf/descriptor.proto", SeesAll),
            nullptr);
  EXPECT_NE(files_.FileOfSymbol("pinion.test.Imported.value", SeesAll),
            nullptr);
  // They are linked into this program.
  EXPECT_EQ(files_.FileByName(kUnrelated, SeesAll), nullptr);
  EXPECT_EQ(files_.FileOfSymbol("pinion.test.Unrelated", SeesAll), nullptr);
  EXPECT_EQ(files_.FileByName("shop/v1/counter.proto", SeesAll), nullptr);
}

TEST_F(ServiceFilesTest, AFileHasItsImports) {
  const ServiceFiles::File* const open = files_.FileByName(kOpenFile, SeesAll);
  EXPECT_THAT(open->imports,
              ElementsAre(files_.FileByName(kImported, SeesAll)));
}

TEST_F(ServiceFilesTest, KnowsTheExtensionsOfItsMessages) {
  const ServiceFiles::File* const extending =
      files_.FileByName(kExtending, SeesAll);
  ASSERT_NE(extending, nullptr);
  EXPECT_THAT(*files_.ExtensionsOf("pinion.test.OpenRequest", SeesAll),
              ElementsAre(100, 101, 102));
  EXPECT_THAT(*files_.ExtensionsOf("pinion.test.OpenRequest.Inner", SeesAll),
              ElementsAre(10));
  for (const int number : {100, 101, 102}) {
    EXPECT_EQ(
        files_.FileOfExtension("pinion.test.OpenRequest", number, SeesAll),
        extending);
  }
  for (const int number : {-1, 0, 99, 103}) {
    EXPECT_EQ(
        files_.FileOfExtension("pinion.test.OpenRequest", number, SeesAll),
        nullptr);
  }
  EXPECT_EQ(files_.FileOfSymbol("pinion.test.second", SeesAll), extending);
  EXPECT_EQ(files_.FileOfSymbol("pinion.test.Extending.within", SeesAll),
            extending);
  EXPECT_THAT(*files_.ExtensionsOf("pinion.test.OpenResponse", SeesAll),
              IsEmpty());
  for (const char* type :
       {"pinion.test.OpenService", "pinion.test.OpenRequest.imported",
        "pinion.test.None", ""}) {
    EXPECT_EQ(files_.ExtensionsOf(type, SeesAll), std::nullopt) << type;
    EXPECT_EQ(files_.FileOfExtension(type, 100, SeesAll), nullptr) << type;
  }
}

TEST_F(ServiceFilesTest, OfCustomOptionsItKnowsThoseThatItsFilesImport) {
  const std::vector<int32_t> numbers =
      *files_.ExtensionsOf("google.protobuf.MethodOptions", SeesAll);
  EXPECT_THAT(numbers, Contains(51734));
  EXPECT_THAT(numbers, Not(Contains(50102)));
  EXPECT_EQ(
      files_.FileOfExtension("google.protobuf.MethodOptions", 50102, SeesAll),
      nullptr);
}

TEST_F(ServiceFilesTest, WhoDoesNotSeeAServiceSeesNoFileThatIsOnlyIts) {
  for (const char* name : {kOpenFile, kImported, kExtending}) {
    EXPECT_EQ(files_.FileByName(name, SeesKv), nullptr) << name;
  }
  for (const char* symbol : {kOpen, "pinion.test.Imported",
                             "pinion.test.second", "grpc.health.v1.Health"}) {
    EXPECT_EQ(files_.FileOfSymbol(symbol, SeesKv), nullptr) << symbol;
  }
  EXPECT_EQ(files_.ExtensionsOf("pinion.test.OpenRequest", SeesKv),
            std::nullopt);
  EXPECT_EQ(files_.FileOfExtension("pinion.test.OpenRequest", 100, SeesKv),
            nullptr);
  // What it shares with one that is seen is.
  EXPECT_NE(files_.FileByName(kRoute, SeesKv), nullptr);
  EXPECT_NE(files_.FileOfSymbol(kKv, SeesKv), nullptr);
}

TEST_F(ServiceFilesTest, WithoutServicesThereIsNothing) {
  const ServiceFiles none({});
  EXPECT_THAT(none.Services(SeesAll), IsEmpty());
  EXPECT_EQ(none.size(), 0u);
  EXPECT_EQ(none.FileOfSymbol(kKv, SeesAll), nullptr);
}

}  // namespace
}  // namespace pinion
