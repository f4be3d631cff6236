// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/config/yaml_node.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace pinion {
namespace {

std::string At(ConfigPlace place) {
  return absl::StrCat(place.line, ":", place.column);
}

// "LINE:COLUMN: PATH: TEXT" of what stopped the reading.
std::string Complaint(absl::string_view text) {
  const YamlDocument document = ReadYaml(text);
  return document.mistake.has_value() ? document.mistake->ToString() : "";
}

TEST(YamlNodeTest, EachNodeHasItsPlace) {
  const YamlNode root = ReadYaml(
                            "# A comment.\n"
                            "one: 1\n"
                            "two:\n"
                            "  - \"a\\tb\"\n"
                            "  - {three: ''}\n"
                            "caf\xc3\xa9: x\n")
                            .root;
  ASSERT_EQ(root.fields.size(), 3u);
  EXPECT_EQ(At(root.place), "2:1");
  EXPECT_EQ(At(root.fields[0].place), "2:1");
  EXPECT_EQ(At(root.fields[0].value.place), "2:6");
  const YamlNode& two = root.fields[1].value;
  ASSERT_EQ(two.items.size(), 2u);
  EXPECT_EQ(At(two.items[0].place), "4:5");
  EXPECT_EQ(two.items[0].text, "a\tb");
  EXPECT_FALSE(two.items[0].plain);
  EXPECT_EQ(At(two.items[1].fields[0].value.place), "5:13");
  EXPECT_EQ(root.fields[2].name, "caf\xc3\xa9");
  EXPECT_EQ(At(root.fields[2].value.place), "6:7") << "in characters";
}

TEST(YamlNodeTest, OnlyPlainTextIsNull) {
  const YamlNode root =
      ReadYaml("[~, null, Null, NULL, '', 'null', nil, {}]").root;
  ASSERT_EQ(root.items.size(), 8u);
  for (size_t i = 0; i < root.items.size(); ++i) {
    EXPECT_EQ(root.items[i].IsNull(), i < 4) << i;
  }
  EXPECT_TRUE(ReadYaml("").root.IsNull());
  EXPECT_TRUE(ReadYaml("# Nothing.\n").root.IsNull());
  EXPECT_TRUE(ReadYaml("---\n...\n").root.IsNull());
}

TEST(YamlNodeTest, ReadsAnyLineEnd) {
  for (const char* text : {"a: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "a: 1\nb: 2"}) {
    const YamlNode root = ReadYaml(text).root;
    ASSERT_EQ(root.fields.size(), 2u) << text;
    EXPECT_EQ(At(root.fields[1].value.place), "2:4") << text;
  }
}

TEST(YamlNodeTest, TellsWhatIsNotYamlInPlainWords) {
  EXPECT_EQ(Complaint("stop:\n  grace: \"5s\n  lame_duck: 1s\n"),
            ":2:10: stop.grace: the quote that begins here is never closed");
  EXPECT_EQ(Complaint("stop: {grace: 5s\n"),
            ":1:7: stop: the section that begins here is not closed by a }, or "
            "lacks a comma");
  EXPECT_EQ(Complaint("a: [1, 2\nb: 3\n"),
            ":1:4: a: the list that begins here is not closed by a ], or lacks "
            "a comma");
  EXPECT_EQ(Complaint("stop:\n\tgrace: 5s\n"),
            ":2:1: stop: a tab must not indent a line; use spaces");
  EXPECT_EQ(Complaint("stop:\n  grace: 5s\n\tlame_duck: 5s\n"),
            ":3:1: stop.grace: a tab must not indent a line; use spaces");
  EXPECT_EQ(Complaint("caf\xc3\xa9: @home\n"),
            ":1:7: caf\xc3\xa9: a value does not begin with \"@\"; write it in "
            "quotes");
  EXPECT_EQ(Complaint("a: *:50\n"),
            ":1:4: a: a text that begins with * or & must be in quotes");
  EXPECT_EQ(Complaint("a: \"\\q\"\n"),
            ":1:5: a: this escape is unknown in double quotes; write \\\\ for "
            "a backslash, or use single quotes");
  EXPECT_EQ(Complaint("a: 1\nb\n"),
            ":2:1: this is no field: a colon is missing behind its name");
}

TEST(YamlNodeTest, ASecondDocumentIsRefused) {
  EXPECT_EQ(Complaint("---\na: 1\n"), "");
  EXPECT_EQ(Complaint("a: 1\n---\na: 2\n"),
            ":2:1: a second YAML document begins here; a configuration is one");
}

TEST(YamlNodeTest, AListOrMapIsNoName) {
  EXPECT_EQ(Complaint("? [a]\n: 1\n"),
            ":1:3: a field's name must be one word here");
  EXPECT_EQ(Complaint("? {a: b}\n: 1\n"),
            ":1:3: a field's name must be one word here");
}

TEST(YamlNodeTest, DeepNestingStopsTheReading) {
  const std::string deep = ":1:33: values nest more than 32 deep here";
  EXPECT_EQ(Complaint(std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_EQ(Complaint(std::string(33, '[') + std::string(33, ']')), deep);
  // Of what libyaml would take quadratic time for, the first 33 are enough.
  EXPECT_EQ(Complaint(std::string(1 << 20, '[')), deep);
  std::string maps;
  while (maps.size() < 1 << 20) maps += "{a: ";
  EXPECT_NE(Complaint(maps), "");
  std::string entries;
  while (entries.size() < 1 << 20) entries += "- ";
  EXPECT_NE(Complaint(entries), "");
}

TEST(YamlNodeTest, WhatStandsBeforeAMistakeIsKept) {
  const YamlDocument document = ReadYaml("a: 1\nb: {c: 2, d: [3, \"4\n");
  ASSERT_TRUE(document.mistake.has_value());
  ASSERT_EQ(document.root.fields.size(), 2u);
  EXPECT_TRUE(document.root.cut_off);
  EXPECT_EQ(document.root.fields[0].value.text, "1");
  EXPECT_FALSE(document.root.fields[0].value.cut_off);
  const YamlNode& b = document.root.fields[1].value;
  EXPECT_TRUE(b.cut_off);
  ASSERT_EQ(b.fields.size(), 2u);
  EXPECT_TRUE(b.fields[1].value.cut_off);
  ASSERT_EQ(b.fields[1].value.items.size(), 1u);
  EXPECT_EQ(b.fields[1].value.items[0].text, "3");
}

TEST(YamlNodeTest, AnchorsAliasesTagsAndMergeKeysAreRefusedWhereTheyStand) {
  const YamlNode root = ReadYaml(
                            "a: &x 1\n"
                            "b: *x\n"
                            "c: !!str 5\n"
                            "d: &y {e: 1}\n"
                            "<<: {f: 1}\n"
                            "? *x\n"
                            ": 2\n"
                            "~: 3\n")
                            .root;
  ASSERT_EQ(root.fields.size(), 7u);
  EXPECT_EQ(root.fields[0].value.refused,
            "the YAML anchor \"&x\" must not stand here; remove it");
  EXPECT_EQ(root.fields[1].value.refused,
            "the YAML alias \"*x\" must not stand here; write the value "
            "itself");
  EXPECT_EQ(root.fields[2].value.refused,
            "the YAML tag \"!!str\" must not stand here; remove it");
  EXPECT_EQ(root.fields[3].value.refused,
            "the YAML anchor \"&y\" must not stand here; remove it");
  EXPECT_EQ(root.fields[3].value.fields.size(), 1u) << "may be looked at";
  EXPECT_EQ(root.fields[4].refused,
            "the YAML merge key \"<<\" must not stand here; write the fields "
            "themselves");
  EXPECT_NE(root.fields[5].refused, "");
  EXPECT_EQ(root.fields[6].refused, "a field's name must not be null");
}

TEST(YamlNodeTest, AValueThatGoesOnInTheNextLineIsRefused) {
  const YamlNode root = ReadYaml("a: 1\n  2\nb: |\n  3\n  4\n").root;
  ASSERT_EQ(root.fields.size(), 2u);
  EXPECT_NE(root.fields[0].value.refused, "");
  EXPECT_EQ(root.fields[1].value.refused, "") << "as a block it is meant";
}

}  // namespace
}  // namespace pinion
