#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "testing/messages.h"

namespace int8graph {
namespace {

const CommandHelp kCommand = {
    .name = "paint",
    .summary = "paint a house",
    .files = {"HOUSE", "COLOUR"},
    .options = {{"--coats", "N", "how many"},
                {"-o, --output", "FILE", "where to"},
                {"--fast", "", "no second look,\nno third one"},
                {"--a-name-that-takes-much-room", "VALUE", "long"}},
    .text = "Paints.",
};

Arguments parse(const std::vector<std::string_view>& words) {
  return {kCommand, words};
}

/// The message of the UsageError.
std::string refusal(const std::vector<std::string_view>& words) {
  return refusal_of([&] { parse(words); });
}

TEST(Arguments, FilesAndOptionsMayStandInAnyOrder) {
  const Arguments arguments = parse({"--coats", "2", "house", "--fast", "red"});
  EXPECT_EQ(arguments.file(0), "house");
  EXPECT_EQ(arguments.file(1), "red");
  EXPECT_TRUE(arguments.has("--fast"));
  EXPECT_EQ(arguments.integer("--coats", 1), 2);
  EXPECT_FALSE(arguments.has("--output"));
  EXPECT_FALSE(arguments.wants_help());
}

TEST(Arguments, ValuesStandBehindASpaceOrAnEqualsSign) {
  EXPECT_EQ(parse({"house", "red", "--output=a=b"}).text("--output"), "a=b");
  EXPECT_EQ(parse({"house", "red", "--output="}).text("--output", "other"), "");
  EXPECT_EQ(parse({"house", "red", "-o", "file"}).text("--output"), "file");
}

TEST(Arguments, TheLastOfTwoCounts) {
  EXPECT_EQ(parse({"house", "red", "--coats", "1", "--coats=3"}).integer("--coats", 9), 3);
}

TEST(Arguments, WhatIsNotGivenHasADefault) {
  const Arguments arguments = parse({"house", "red"});
  EXPECT_EQ(arguments.integer("--coats", 7), 7);
  EXPECT_EQ(arguments.text("--output", "here"), "here");
  EXPECT_EQ(arguments.choice("--output", {"first", "second"}), "first");
}

TEST(Arguments, ALoneDashIsAFile) {
  EXPECT_EQ(parse({"-", "red"}).file(0), "-");
}

TEST(Arguments, HelpNeedsNoFiles) {
  EXPECT_TRUE(parse({"--help"}).wants_help());
  EXPECT_TRUE(parse({"house", "-h"}).wants_help());
}

TEST(Arguments, WrongWordsAreNamed) {
  expect_words(refusal({"house"}), {"missing argument COLOUR"});
  expect_words(refusal({"house", "red", "blue"}), {"unexpected argument \"blue\""});
  expect_words(refusal({"house", "red", "--slow"}), {"unknown option \"--slow\""});
  expect_words(refusal({"house", "red", "-x"}), {"unknown option \"-x\""});
  expect_words(refusal({"house", "red", "--coat"}), {"unknown option \"--coat\""});
  expect_words(refusal({"house", "red", "--coats"}), {"--coats needs a value: N"});
  expect_words(refusal({"house", "red", "--fast=yes"}), {"--fast takes no value"});
}

TEST(Arguments, WrongValuesAreNamedWithWhatIsAccepted) {
  for (const char* wrong : {"0", "-1", "two", "2.5", "3x", "", "4294967297"}) {
    const Arguments arguments = parse({"house", "red", "--coats", wrong});
    expect_words(refusal_of([&] { (void)arguments.integer("--coats", 1); }),
                 {"--coats is \"" + std::string(wrong) + "\"", "an integer from 1 to 2147483647"});
  }
  const Arguments arguments = parse({"house", "red", "--coats", "0", "--output", "third"});
  EXPECT_EQ(arguments.integer("--coats", 1, {.least = 0}), 0);
  expect_words(refusal_of([&] { (void)arguments.integer("--coats", 1, {.least = 2, .most = 5}); }),
               {"an integer from 2 to 5"});
  expect_words(refusal_of([&] {
                 (void)arguments.choice("--output", {"first", "second"});
               }),
               {"--output is \"third\"", "accepted: first, second"});
  expect_words(refusal_of([&] {
                 (void)parse({"house", "red"}).required("--output");
               }),
               {"missing option --output"});
}

TEST(HelpText, ListsUsageAndOptionsInOneColumn) {
  EXPECT_EQ(help_text(kCommand),
            "Usage: int8graph paint HOUSE COLOUR [options]\n"
            "\n"
            "Paints.\n"
            "\n"
            "Options:\n"
            "      --coats N             how many\n"
            "  -o, --output FILE         where to\n"
            "      --fast                no second look,\n"
            "                            no third one\n"
            "      --a-name-that-takes-much-room VALUE\n"
            "                            long\n"
            "  -h, --help                this text\n");
}

}  // namespace
}  // namespace int8graph
