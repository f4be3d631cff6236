// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/program/program_flags.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "pinion/config/v1/setting.pb.h"
#include "pinion/core/base/check.h"
#include "pinion/server/config/setting_value.h"
#include "pinion/tools/command_line.h"

namespace pinion {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::MessageFactory;

// What --help shows the fields of a section under. Sections with one title
// follow each other in the schema.
struct Title {
  absl::string_view section;
  absl::string_view title;
};
constexpr Title kTitles[] = {
    {"listener", "Listener"},
    {"tls", "Encryption and the certificates of clients"},
    {"workers", "Workers and CPUs"},
    {"lanes", "Lanes: one service on one worker"},
    {"memory", "Server memory"},
    {"sessions", "Sessions and streams"},
    {"limits", "Message size and time limits"},
    {"health", "Health and stop"},
    {"stop", "Health and stop"},
    {"log", "Logging and keys"},
    {"keys", "Logging and keys"},
    {"observe", "Observing"},
    {"tokens", "Who calls"},
    {"policy", "Who calls"},
    {"probes", "Probes"},
    {"admin", "Admin socket and page"},
    {"reflection", "Reflection"},
    {"tracing", "Tracing"},
    {"output", "Output"},
};

std::string TitleOf(absl::string_view section) {
  if (absl::ConsumePrefix(&section, "services.")) {
    return absl::StrCat("The ", section, " service");
  }
  for (const Title& title : kTitles) {
    if (title.section == section) return std::string(title.title);
  }
  return std::string(section);
}

const config::v1::Setting& SettingOf(const FieldDescriptor& field) {
  return field.options().GetExtension(config::v1::setting);
}

// Whether the field takes the text.
absl::Status Try(const FieldDescriptor& field, const std::string& text) {
  const std::unique_ptr<Message> message(
      MessageFactory::generated_factory()
          ->GetPrototype(field.containing_type())
          ->New());
  return SetValue(message.get(), field, text);
}

Flag FlagOf(const std::string& path, const FieldDescriptor& field,
            FlagTexts* texts) {
  const config::v1::Setting& setting = SettingOf(field);
  return {.name = field.name(),
          .preset = setting.default_value(),
          .help = setting.help(),
          .is_switch = field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL,
          .set = [path, &field, texts](const std::string& text) {
            const absl::Status valid = Try(field, text);
            if (valid.ok()) (*texts)[path] = text;
            return valid;
          }};
}

Flag FileFlag(std::string name, std::string help, std::string* file) {
  return {.name = std::move(name),
          .preset = "",
          .help = std::move(help),
          .set = [file](const std::string& text) {
            if (text.empty()) {
              return absl::InvalidArgumentError("a file has a name");
            }
            *file = text;
            return absl::OkStatus();
          }};
}

// A switch that `take` is told of.
Flag Switch(std::string name, std::string help,
            std::function<void(bool is_on)> take) {
  return {.name = std::move(name),
          .preset = "false",
          .help = std::move(help),
          .is_switch = true,
          .set = [take = std::move(take)](const std::string& text) {
            if (text != "true" && text != "false") {
              return absl::InvalidArgumentError("it is neither true nor false");
            }
            take(text == "true");
            return absl::OkStatus();
          }};
}

FlagList ProgramsOwn(const ServerProgram& program, ProgramFlags* flags) {
  FlagList list = {.title = "Configuration", .flags = {}};
  list.flags = {
      FileFlag("config",
               "The file to read the configuration from, in YAML. A flag goes "
               "before what the file says. Set it when there is more to say "
               "than a command line should have; SIGHUP reads the file again.",
               &flags->config),
      FileFlag("check",
               "A configuration file to check, in place of serving: tells "
               "every mistake with its line, and what will hurt. Use it before "
               "a deploy.",
               &flags->check),
      Switch("print_config",
             "Print the configuration that holds, with where each value is "
             "from, in place of serving. Use it to see what a file and flags "
             "come to.",
             [flags](bool is_on) { flags->print_config = is_on; }),
  };
  if (!program.version.empty()) {
    list.flags.push_back(
        Switch("version", "Print the program's version, in place of serving.",
               [version = program.version](bool is_on) {
                 if (!is_on) return;
                 std::printf("%s\n", version.c_str());
                 std::exit(EXIT_SUCCESS);
               }));
  }
  return list;
}

// Adds to the last list if that has the title.
FlagList& ListWith(const std::string& title, std::vector<FlagList>* lists) {
  if (lists->back().title != title) {
    lists->push_back({.title = title, .flags = {}});
  }
  return lists->back();
}

// No two flags have one name: one of them could not be given.
void CheckNames(const std::vector<FlagList>& lists) {
  std::set<std::string> names = {"help"};
  for (const FlagList& list : lists) {
    for (const Flag& flag : list.flags) {
      PINION_CHECK(names.insert(flag.name).second, "two flags are called --",
                   flag.name,
                   "; rename the field of your section, or your ABSL_FLAG");
    }
  }
}

}  // namespace

ProgramFlags ParseProgramFlags(int argc, char** argv,
                               const ServerProgram& program) {
  ProgramFlags flags;
  std::vector<FlagList> lists = {ProgramsOwn(program, &flags)};
  for (const FlagSection& section : FlagSectionsOf(program.sections)) {
    for (const FieldDescriptor* field : section.fields) {
      ListWith(TitleOf(section.path), &lists)
          .flags.push_back(
              FlagOf(absl::StrCat(section.path, ".", field->name()), *field,
                     &flags.texts));
    }
  }
  for (Flag& flag : OwnAbslFlags()) {
    ListWith("The program", &lists).flags.push_back(std::move(flag));
  }
  CheckNames(lists);

  const absl::string_view path = argv[0];
  const std::vector<std::string> words = ParseFlags(
      argc, argv,
      absl::StrCat("usage: ", path.substr(path.rfind('/') + 1), " [flags]\n\n",
                   program.usage,
                   "\n\nExit codes: 0 after a stop, or if the file of --check "
                   "is right; 2 for a mistake in a flag or a file, or if it "
                   "could not start; 3 if a handler did not return and the "
                   "stop ended without it."),
      lists);
  if (!words.empty()) {
    ExitWithUsageError(
        absl::StrCat("\"", words[0], "\" is not a flag; --help lists them"));
  }
  if (!flags.check.empty() && (!flags.config.empty() || flags.print_config)) {
    ExitWithUsageError(
        absl::StrCat("--check has the file to check; give it without ",
                     flags.config.empty() ? "--print_config" : "--config"));
  }
  return flags;
}

}  // namespace pinion
