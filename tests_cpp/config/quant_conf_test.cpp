#include "int8graph/quant_conf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "config/atomic_file.h"
#include "config/json_text.h"
#include "config/temporary_directory.h"

namespace int8graph {
namespace {

constexpr const char* kSource = "conf.json";

// Two entries, a convolution and an add that it feeds.
Json valid_list() {
  return Json::parse(R"([
    {"id": 0, "name": "conv2d", "algorithm": "min_max", "weight_granularity": "per_channel",
     "input_scales": [0.02], "input_zero_points": [120],
     "output_scales": [0.03], "output_zero_points": [7], "weight_scales": [[0.001, 1.0]],
     "input_quantized_dtypes": ["uint8"], "output_quantized_dtypes": ["uint8"],
     "inputs_quantized": [true], "outputs_quantized": [false],
     "inputs_flow": ["conv2d0.input0"], "outputs_flow": ["conv2d0.output0"]},
    {"id": 1, "name": "add", "algorithm": "moving_average_min_max",
     "weight_granularity": "per_tensor",
     "input_scales": [0.03, 2.0], "input_zero_points": [7, 0],
     "output_scales": [1e-05], "output_zero_points": [255], "weight_scales": [],
     "input_quantized_dtypes": ["uint8", "int8"], "output_quantized_dtypes": ["uint8"],
     "inputs_quantized": [false, true], "outputs_quantized": [true],
     "inputs_flow": ["conv2d0.output0", "add1.input1"], "outputs_flow": ["add1.output0"]}
  ])");
}

QuantConf read(const Json& list) {
  return QuantConf::from_json(list.dump(), kSource);
}

std::vector<OperatorEntry> valid_entries() {
  return read(valid_list()).entries();
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
  return "no error";
}

std::string message_for_text(const std::string& text) {
  return message_of([&] { QuantConf::from_json(text, kSource); });
}

std::string message_for(const Json& list) {
  return message_for_text(list.dump());
}

std::string data_file(const std::string& name) {
  return (std::filesystem::path(__FILE__).parent_path() / "data" / name).string();
}

// ---- reading and writing what is valid

TEST(QuantConf, ReadsEveryField) {
  const QuantConf conf = read(valid_list());
  ASSERT_EQ(conf.entries().size(), 2U);
  const OperatorEntry& conv = conf.entries()[0];
  EXPECT_EQ(conv.id, 0);
  EXPECT_EQ(conv.name, "conv2d");
  EXPECT_EQ(conv.algorithm, Algorithm::MinMax);
  EXPECT_EQ(conv.weight_granularity, WeightGranularity::PerChannel);
  EXPECT_EQ(conv.weight_scales, (std::vector<std::vector<double>>{{0.001, 1.0}}));
  const OperatorEntry& add = conf.entries()[1];
  EXPECT_EQ(add.id, 1);
  EXPECT_EQ(add.name, "add");
  EXPECT_EQ(add.algorithm, Algorithm::MovingAverageMinMax);
  EXPECT_EQ(add.weight_granularity, WeightGranularity::PerTensor);
  EXPECT_EQ(add.input_scales, (std::vector<double>{0.03, 2.0}));
  EXPECT_EQ(add.input_zero_points, (std::vector<int64_t>{7, 0}));
  EXPECT_EQ(add.output_scales, std::vector<double>{1e-05});
  EXPECT_EQ(add.output_zero_points, std::vector<int64_t>{255});
  EXPECT_TRUE(add.weight_scales.empty());
  EXPECT_EQ(add.input_quantized_dtypes, (std::vector<QDType>{QDType::UInt8, QDType::Int8}));
  EXPECT_EQ(add.output_quantized_dtypes, std::vector<QDType>{QDType::UInt8});
  EXPECT_EQ(add.inputs_quantized, (std::vector<bool>{false, true}));
  EXPECT_EQ(add.outputs_quantized, std::vector<bool>{true});
  EXPECT_EQ(add.inputs_flow, (std::vector<std::string>{"conv2d0.output0", "add1.input1"}));
  EXPECT_EQ(add.outputs_flow, std::vector<std::string>{"add1.output0"});
  EXPECT_TRUE(add.input_ranges.empty());
  EXPECT_TRUE(add.output_ranges.empty());
}

TEST(QuantConf, WritesTheFieldsInOrderWithFourSpaces) {
  Json list = valid_list();
  list.erase(1);
  EXPECT_EQ(read(list).to_json(), R"([
    {
        "id": 0,
        "name": "conv2d",
        "algorithm": "min_max",
        "weight_granularity": "per_channel",
        "input_scales": [
            0.02
        ],
        "input_zero_points": [
            120
        ],
        "output_scales": [
            0.03
        ],
        "output_zero_points": [
            7
        ],
        "weight_scales": [
            [
                0.001,
                1.0
            ]
        ],
        "input_quantized_dtypes": [
            "uint8"
        ],
        "output_quantized_dtypes": [
            "uint8"
        ],
        "inputs_quantized": [
            true
        ],
        "outputs_quantized": [
            false
        ],
        "inputs_flow": [
            "conv2d0.input0"
        ],
        "outputs_flow": [
            "conv2d0.output0"
        ]
    }
]
)");
}

TEST(QuantConf, WritesTheSameBytesAfterReading) {
  const std::string text = read(valid_list()).to_json();
  EXPECT_EQ(QuantConf::from_json(text, kSource).to_json(), text);
}

TEST(QuantConf, KeepsEveryBitOfAScale) {
  std::vector<OperatorEntry> entries = valid_entries();
  for (const double scale :
       {0.1, 1.0 / 3.0, std::nextafter(1.0, 2.0), 3.0e+38, 1.2e-38, 5e-324 + 1.0,
        static_cast<double>(0.1F), static_cast<double>(1.0F / 3.0F)}) {
    entries[0].input_scales = {scale};
    QuantConf conf;
    conf.set_entries(entries);
    const QuantConf again = QuantConf::from_json(conf.to_json(), kSource);
    EXPECT_EQ(again.entries()[0].input_scales[0], scale);
    EXPECT_EQ(again.to_json(), conf.to_json());
  }
}

TEST(QuantConf, TakesWholeNumbersAsScalesAndWritesThemAsFloats) {
  Json list = valid_list();
  list[0]["input_scales"] = {2};
  const std::string text = read(list).to_json();
  EXPECT_NE(text.find("\"input_scales\": [\n            2.0\n"), std::string::npos) << text;
}

TEST(QuantConf, FileOfSaveGivesTheSameBytes) {
  const TemporaryDirectory directory;
  const QuantConf conf = read(valid_list());
  conf.save(directory / "conf.json");
  EXPECT_EQ(read_file(directory / "conf.json"), conf.to_json());
  QuantConf(directory / "conf.json").save(directory / "again.json");
  EXPECT_EQ(read_file(directory / "again.json"), conf.to_json());
}

TEST(QuantConf, AnEmptyListIsAConfigurationToBeFilled) {
  const QuantConf conf = QuantConf::from_json("[]", kSource);
  EXPECT_TRUE(conf.entries().empty());
  EXPECT_EQ(conf.to_json(), "[]\n");
}

TEST(QuantConf, DoesNotSaveWhatHasNoEntries) {
  const TemporaryDirectory directory;
  const std::string path = directory / "conf.json";
  write_file_atomically(path, "old");
  const std::string message = message_of([&] { QuantConf().save(path); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_EQ(read_file(path), "old");
}

TEST(QuantConf, NamesAFileThatIsNotThere) {
  try {
    QuantConf conf("no/such/file.json");
    FAIL();
  } catch (const std::system_error& e) {
    EXPECT_EQ(e.code().value(), ENOENT);
    EXPECT_NE(std::string(e.what()).find("no/such/file.json"), std::string::npos) << e.what();
  }
}

// ---- the scheme

TEST(QuantConf, IsAffineByDefault) {
  EXPECT_EQ(QuantConf().qscheme(), QScheme::PerTensorAffine);
  EXPECT_EQ(QuantConf::from_json("[]", kSource).qscheme(), QScheme::PerTensorAffine);
}

TEST(QuantConf, IsSymmetricWhenAllActivationsAreInt8) {
  Json list = valid_list();
  list.erase(1);
  list[0]["input_quantized_dtypes"] = {"int8"};
  list[0]["input_zero_points"] = {0};
  EXPECT_EQ(read(list).qscheme(), QScheme::PerTensorAffine);
  list[0]["output_quantized_dtypes"] = {"int8"};
  list[0]["output_zero_points"] = {0};
  EXPECT_EQ(read(list).qscheme(), QScheme::PerTensorSymmetric);
}

TEST(QuantConf, TakesTheSchemeOfTheCaller) {
  const TemporaryDirectory directory;
  read(valid_list()).save(directory / "conf.json");
  EXPECT_EQ(QuantConf(directory / "conf.json", QScheme::PerTensorSymmetric).qscheme(),
            QScheme::PerTensorSymmetric);
}

// ---- files of Intel Extension for PyTorch

TEST(IpexFile, LoadsWithOurFlowNames) {
  const QuantConf conf(data_file("ipex_1_10.json"));
  using Names = std::vector<std::string>;
  const std::vector<std::pair<Names, Names>> expected{
      // It names the output of entry 5: left from the batch before.
      {{"conv2d0.input0"}, {"conv2d0.output0"}},
      {{"conv2d0.output0"}, {"relu_1.output0"}},
      {{"relu_1.output0"}, {"conv2d2.output0"}},
      {{"conv2d2.output0", "add3.input1"}, {"add3.output0"}},
      {{"add3.output0"}, {"dropout4.output0"}},
      {{"dropout4.output0"}, {"linear5.output0"}},
      {{"add6.input0", "add6.input1"}, {"add6.output0"}}};
  ASSERT_EQ(conf.entries().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(conf.entries()[i].inputs_flow, expected[i].first) << i;
    EXPECT_EQ(conf.entries()[i].outputs_flow, expected[i].second) << i;
  }
  EXPECT_EQ(conf.qscheme(), QScheme::PerTensorAffine);
}

TEST(IpexFile, LoadsWeightScalesFlatNestedAndEmpty) {
  const QuantConf conf(data_file("ipex_1_10.json"));
  using Scales = std::vector<std::vector<double>>;
  EXPECT_EQ(conf.entries()[0].weight_scales, (Scales{{0.00125, 0.0025, 0.00150000001}}));
  EXPECT_EQ(conf.entries()[2].weight_scales, (Scales{{0.003, 0.0045}}));
  EXPECT_EQ(conf.entries()[3].weight_scales, Scales{});
  EXPECT_EQ(conf.entries()[4].weight_scales, Scales{});
}

TEST(IpexFile, MarksOperatorsWithoutParametersAsNotQuantized) {
  const OperatorEntry relu = QuantConf(data_file("ipex_1_10.json")).entries()[1];
  EXPECT_EQ(relu.input_scales, std::vector<double>{1.0});
  EXPECT_EQ(relu.input_zero_points, std::vector<int64_t>{0});
  EXPECT_EQ(relu.input_quantized_dtypes, std::vector<QDType>{QDType::UInt8});
  EXPECT_EQ(relu.inputs_quantized, std::vector<bool>{false});
  EXPECT_EQ(relu.output_scales, std::vector<double>{1.0});
  EXPECT_EQ(relu.output_zero_points, std::vector<int64_t>{0});
  EXPECT_EQ(relu.output_quantized_dtypes, std::vector<QDType>{QDType::UInt8});
  EXPECT_EQ(relu.outputs_quantized, std::vector<bool>{false});
}

TEST(IpexFile, StaysSymmetricWithOperatorsThatHaveNoParameters) {
  Json list = Json::parse(read_file(data_file("ipex_1_10.json")));
  for (Json& entry : list) {
    for (const char* side : {"input", "output"}) {
      for (Json& dtype : entry[std::string(side) + "_quantized_dtypes"]) dtype = "int8";
      for (Json& zero_point : entry[std::string(side) + "_zero_points"]) zero_point = 0;
    }
  }
  const QuantConf conf = read(list);
  EXPECT_EQ(conf.qscheme(), QScheme::PerTensorSymmetric);
  EXPECT_EQ(conf.entries()[1].input_quantized_dtypes, std::vector<QDType>{QDType::Int8});
}

TEST(IpexFile, LoadsTheAlgorithmAsItWasSpeltThere) {
  EXPECT_EQ(QuantConf(data_file("ipex_1_10.json")).entries()[5].algorithm,
            Algorithm::MovingAverageMinMax);
}

TEST(IpexFile, IsWrittenInOurForm) {
  const std::string text = QuantConf(data_file("ipex_1_10.json")).to_json();
  EXPECT_EQ(QuantConf::from_json(text, kSource).to_json(), text);
  EXPECT_EQ(text.find("conv2d.0"), std::string::npos);
}

TEST(IpexFile, LoadsPerTensorWeightScalesWithoutAListAroundThem) {
  Json list = valid_list();
  list[0]["weight_granularity"] = "per_tensor";
  list[0]["weight_scales"] = {0.5};
  EXPECT_EQ(read(list).entries()[0].weight_scales, (std::vector<std::vector<double>>{{0.5}}));
}

TEST(IpexFile, RefusesAFlowNameOfAnEntryThatIsNotThere) {
  for (const char* name : {"conv2d.7.output", "relu.0.output", "add.0.input", "conv2d.0.inputs",
                           "conv2d.99999999999999999999.output", ".0.output", "conv2d..output",
                           "conv2d.0.", "..", "."}) {
    Json list = valid_list();
    list[1]["inputs_flow"][0] = name;
    const std::string message = message_for(list);
    EXPECT_NE(message.find("inputs_flow[0]"), std::string::npos) << name << ": " << message;
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

// ---- text that is no configuration

struct BadText {
  const char* label;
  std::string text;
  const char* expected;  // part of the message
};

class MalformedText : public testing::TestWithParam<BadText> {};

TEST_P(MalformedText, IsRefusedWithItsPlace) {
  const std::string message = message_for_text(GetParam().text);
  EXPECT_EQ(message.find(kSource), 0U) << message;
  EXPECT_NE(message.find(GetParam().expected), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    QuantConf, MalformedText,
    testing::Values(BadText{"Empty", "", "line 1, column 1"},
                    BadText{"Blank", " \n\n ", "line 3, column 2"},
                    BadText{"CutOff", "[\n  {\"id\": 0,", "line 2, column 12"},
                    BadText{"MissingComma", "[\n{\"id\": 0 \"name\": 1}]", "line 2, column"},
                    BadText{"TrailingComma", "[1,]", "line 1, column 4"},
                    BadText{"TrailingText", "[]\n]", "line 2, column 1"},
                    BadText{"Comment", "[] // no", "line 1, column 4"},
                    BadText{"SingleQuotes", "['a']", "line 1, column 2"},
                    BadText{"NoUtf8", "[{\"id\": \xE9}]", "last read: '\"id\": ?'"},
                    BadText{"NotANumber", "[\nNaN]", "line 2, column 1"},
                    BadText{"Infinite", "[-Infinity]", "line 1, column 3"},
                    BadText{"TooLargeForADouble", "[\n1e400]", "line 2"},
                    BadText{"InvalidUtf8", "[\"\xff\"]", "line 1, column 3"},
                    BadText{"ZeroByte", std::string("[\0]", 3), "line 1, column 2"},
                    BadText{"OpenString", "[\"abc", "line 1, column 6"},
                    BadText{"DeeplyNested", std::string(200'000, '['), "line 1, column 200001"},
                    BadText{"TopLevelObject", "{}", "the top level is an object"},
                    BadText{"TopLevelNull", "null", "the top level is null"},
                    BadText{"TopLevelString", "\"a\"", "the top level is \"a\""},
                    BadText{"EntryIsANumber", "[1]", "entry 0 is 1; accepted: an object"},
                    BadText{"EntryIsAList", "[[]]", "entry 0 is an empty list"},
                    BadText{"FieldTwice", "[{}, {\"id\": 1, \"id\": 1}]",
                            "entry 1: field \"id\" stands there twice"}),
    [](const auto& test) { return test.param.label; });

TEST(QuantConf, RefusesListsThatAreNestedDeeply) {
  const std::string text = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_NE(message_for_text(text).find("entry 0 is a list"), std::string::npos);
}

// ---- fields

const std::vector<std::string>& field_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    const Json list = valid_list();
    for (const auto& item : list[0].items()) all.push_back(item.key());
    return all;
  }();
  return names;
}

class EveryField : public testing::TestWithParam<std::string> {
 protected:
  // The message must tell file, entry and field, and what is accepted.
  static void expect_refused(const Json& list, const std::string& found) {
    const std::string message = message_for(list);
    const std::string& field = GetParam();
    EXPECT_EQ(message.find("conf.json: entry 1"), 0U) << message;
    EXPECT_NE(message.find("field " + field), std::string::npos) << message;
    EXPECT_NE(message.find("is " + found), std::string::npos) << message;
    EXPECT_NE(message.find("; accepted: "), std::string::npos) << message;
  }
};

TEST_P(EveryField, IsRequired) {
  Json list = valid_list();
  list[1].erase(GetParam());
  expect_refused(list, "missing");
}

TEST_P(EveryField, IsRefusedWithAWrongType) {
  const std::vector<std::pair<Json, std::string>> wrong{
      {nullptr, "null"}, {Json::object(), "an object"}, {Json::array({nullptr}), ""}};
  for (const auto& [value, found] : wrong) {
    Json list = valid_list();
    list[1][GetParam()] = value;
    expect_refused(list, found);
  }
}

TEST_P(EveryField, IsRefusedWithAnElementOfAWrongType) {
  Json list = valid_list();
  if (!list[1][GetParam()].is_array()) return;  // no elements
  for (const Json& value : {Json(nullptr), Json::object(), Json::array({Json::array()})}) {
    list[1][GetParam()] = Json::array({value});
    expect_refused(list, "");
  }
}

INSTANTIATE_TEST_SUITE_P(QuantConf, EveryField, testing::ValuesIn(field_names()),
                         [](const auto& test) { return test.param; });

struct BadValue {
  const char* label;
  const char* pointer;  // JSON pointer into the valid list
  const char* value;
  std::vector<std::string> expected;  // parts of the message
};

class InvalidValue : public testing::TestWithParam<BadValue> {};

TEST_P(InvalidValue, IsRefusedWithItsPlaceAndWhatIsAccepted) {
  Json list = valid_list();
  list[Json::json_pointer(GetParam().pointer)] = Json::parse(GetParam().value);
  const std::string message = message_for(list);
  EXPECT_EQ(message.find(kSource), 0U) << message;
  EXPECT_NE(message.find("; accepted: "), std::string::npos) << message;
  for (const std::string& part : GetParam().expected) {
    EXPECT_NE(message.find(part), std::string::npos) << message << "\nlacks: " << part;
  }
}

const std::string kConv = "entry 0 (id 0, name \"conv2d\"): field ";
const std::string kAdd = "entry 1 (id 1, name \"add\"): field ";

INSTANTIATE_TEST_SUITE_P(
    QuantConf, InvalidValue,
    testing::Values(
        BadValue{"IdTwice", "/1/id", "0", {"entry 1 (id 0, name \"add\"): field id is 0", "1, "}},
        BadValue{"IdWithAGap", "/1/id", "2", {"field id is 2", "accepted: 1, "}},
        BadValue{"IdNegative", "/0/id", "-1", {"field id is -1", "accepted: 0, "}},
        BadValue{"IdFractional", "/0/id", "0.0", {"field id is 0.0", "an integer"}},
        BadValue{"IdHuge", "/0/id", "18446744073709551615", {"is 18446744073709551615"}},
        BadValue{"NameEmpty", "/1/name", "\"\"", {"field name is \"\"", "letters"}},
        BadValue{"NameWithADot", "/1/name", "\"a.b\"", {"field name is \"a.b\""}},
        BadValue{"NameWithALeadingDigit", "/1/name", "\"2d\"", {"field name is \"2d\""}},
        BadValue{"NameWithAQuote", "/1/name", "\"a\\\"b\"", {"field name is \"a\\\"b\""}},
        BadValue{"Algorithm",
                 "/1/algorithm",
                 "\"kl\"",
                 {kAdd + "algorithm is \"kl\"", "min_max", "least_error"}},
        BadValue{"Granularity", "/1/weight_granularity", "\"per_group\"", {"per_channel"}},
        BadValue{"DType",
                 "/1/input_quantized_dtypes/1",
                 "\"quint8\"",
                 {kAdd + "input_quantized_dtypes[1] is \"quint8\"", "\"uint8\" or \"int8\""}},
        BadValue{"ScaleZero", "/0/input_scales/0", "0", {kConv + "input_scales[0] is 0.0"}},
        BadValue{
            "ScaleNegative", "/0/output_scales/0", "-0.5", {kConv + "output_scales[0] is -0.5"}},
        BadValue{"ScaleHuge", "/0/input_scales/0", "1e39", {"input_scales[0] is 1e+39"}},
        BadValue{"ScaleTiny", "/0/input_scales/0", "1e-39", {"input_scales[0] is 1e-39"}},
        BadValue{"ScaleText", "/0/input_scales/0", "\"0.1\"", {"input_scales[0] is \"0.1\""}},
        BadValue{"ScaleNoList", "/0/input_scales", "0.1", {"input_scales is 0.1", "a list"}},
        BadValue{"ZeroPointAbove",
                 "/0/input_zero_points/0",
                 "256",
                 {kConv + "input_zero_points[0] is 256 (uint8)", "0..255"}},
        BadValue{
            "ZeroPointBelow", "/0/output_zero_points/0", "-1", {"output_zero_points[0] is -1"}},
        BadValue{"ZeroPointFractional", "/0/input_zero_points/0", "1.5", {"is 1.5", "an integer"}},
        BadValue{"ZeroPointHuge",
                 "/0/input_zero_points/0",
                 "99999999999999999999",
                 {"input_zero_points[0] is 1e+20"}},
        BadValue{"ZeroPointOfInt8",
                 "/1/input_zero_points/1",
                 "3",
                 {kAdd + "input_zero_points[1] is 3 (int8)", "0 for int8"}},
        BadValue{
            "FlagAsNumber", "/0/inputs_quantized/0", "1", {"inputs_quantized[0] is 1", "true"}},
        BadValue{"WeightScaleZero", "/0/weight_scales/0/1", "0", {"weight_scales[0][1] is 0.0"}},
        BadValue{"WeightScalesMixed", "/0/weight_scales", "[0.1, [0.2]]", {"weight_scales[1]"}},
        BadValue{"WeightWithoutScales", "/0/weight_scales", "[[0.1], []]", {"weight_scales[1] is"}},
        BadValue{"PerTensorWithTwoScales",
                 "/0/weight_granularity",
                 "\"per_tensor\"",
                 {kConv + "weight_scales[0] is a list of length 2", "length 1"}},
        BadValue{"ScalesTooMany",
                 "/0/input_scales",
                 "[0.1, 0.2]",
                 {kConv + "input_scales is a list of length 2", "length 1, that of inputs_flow"}},
        BadValue{"ZeroPointsTooFew", "/1/input_zero_points", "[0]", {"input_zero_points is"}},
        BadValue{"DTypesTooFew", "/1/input_quantized_dtypes", "[]", {"input_quantized_dtypes is"}},
        BadValue{"FlagsTooFew", "/1/inputs_quantized", "[true]", {"inputs_quantized is"}},
        BadValue{"OutputScalesTooFew", "/1/output_scales", "[]", {"output_scales is"}},
        BadValue{"OutputZeroPointsTooMany",
                 "/1/output_zero_points",
                 "[1, 2]",
                 {"output_zero_points is"}},
        BadValue{"OutputDTypesTooFew",
                 "/1/output_quantized_dtypes",
                 "[]",
                 {"output_quantized_dtypes is"}},
        BadValue{"OutputFlagsTooFew", "/1/outputs_quantized", "[]", {"outputs_quantized is"}},
        BadValue{"FlowOfNobody",
                 "/1/inputs_flow/0",
                 "\"relu0.output0\"",
                 {kAdd + "inputs_flow[0] is \"relu0.output0\"", "\"add1.input0\""}},
        BadValue{
            "FlowOfAnotherPosition", "/1/inputs_flow/0", "\"add1.input1\"", {"inputs_flow[0]"}},
        BadValue{"FlowOfALaterEntry", "/0/inputs_flow/0", "\"add1.output0\"", {"inputs_flow[0]"}},
        BadValue{"FlowOfItself", "/1/inputs_flow/0", "\"add1.output0\"", {"inputs_flow[0]"}},
        BadValue{"OutputOfAnother",
                 "/1/outputs_flow/0",
                 "\"conv2d0.output0\"",
                 {kAdd + "outputs_flow[0] is \"conv2d0.output0\"", "\"add1.output0\""}},
        BadValue{"UnknownField",
                 "/1/input_scale",
                 "1",
                 {kAdd + "\"input_scale\" is not known", "input_scales", "outputs_flow"}}),
    [](const auto& test) { return test.param.label; });

TEST(QuantConf, CutsALongValueInTheMessage) {
  Json list = valid_list();
  list[1]["algorithm"] = std::string(10'000, 'x');
  EXPECT_LT(message_for(list).size(), 300U);
}

// ---- set_entries

TEST(SetEntries, ReplacesAllAndKeepsTheScheme) {
  QuantConf conf(QScheme::PerTensorSymmetric);
  conf.set_entries(valid_entries());
  EXPECT_EQ(conf.entries().size(), 2U);
  EXPECT_EQ(conf.qscheme(), QScheme::PerTensorSymmetric);
}

TEST(SetEntries, KeepsTheOldEntriesOnError) {
  QuantConf conf = read(valid_list());
  const std::string before = conf.to_json();
  std::vector<OperatorEntry> entries = valid_entries();
  entries[1].input_scales[1] = std::numeric_limits<double>::quiet_NaN();
  const std::string message = message_of([&] { conf.set_entries(entries); });
  EXPECT_EQ(message.find("set_entries: " + kAdd + "input_scales[1] is NaN"), 0U) << message;
  EXPECT_EQ(conf.to_json(), before);
}

TEST(SetEntries, RefusesInfiniteScales) {
  QuantConf conf;
  std::vector<OperatorEntry> entries = valid_entries();
  entries[0].weight_scales[0][0] = -std::numeric_limits<double>::infinity();
  const std::string message = message_of([&] { conf.set_entries(entries); });
  EXPECT_NE(message.find("weight_scales[0][0] is -Infinity"), std::string::npos) << message;
}

TEST(SetEntries, RefusesANameThatIsNotText) {
  QuantConf conf;
  std::vector<OperatorEntry> entries = valid_entries();
  entries[0].name = "\xff\n";
  const std::string message = message_of([&] { conf.set_entries(entries); });
  EXPECT_NE(message.find("field name is "), std::string::npos) << message;
}

TEST(SetEntries, ChecksTheRanges) {
  QuantConf conf;
  std::vector<OperatorEntry> entries = valid_entries();
  entries[1].input_ranges = {{-1.0F, 1.0F}, {0.0F, 0.0F}};
  EXPECT_EQ(message_of([&] { conf.set_entries(entries); }), "no error");
  entries[1].input_ranges[0] = {1.0F, -1.0F};
  EXPECT_NE(message_of([&] { conf.set_entries(entries); }).find("input_ranges[0] is [1.0, -1.0]"),
            std::string::npos);
  entries[1].input_ranges = {{-1.0F, std::numeric_limits<float>::infinity()}, {0.0F, 0.0F}};
  EXPECT_NE(message_of([&] { conf.set_entries(entries); }).find("[-1.0, Infinity]"),
            std::string::npos);
  entries[1].input_ranges = {{-1.0F, 1.0F}};
  EXPECT_NE(message_of([&] { conf.set_entries(entries); }).find("length 0 or 2"),
            std::string::npos);
}

TEST(SetEntries, KeepsTheRangesOutOfTheFile) {
  std::vector<OperatorEntry> entries = valid_entries();
  entries[0].output_ranges = {{-1.0F, 1.0F}};
  QuantConf conf;
  conf.set_entries(entries);
  EXPECT_EQ(conf.to_json(), read(valid_list()).to_json());
}

// ---- numbers

TEST(FormatDouble, IsShortestAndLooksLikePythonsRepr) {
  const std::vector<std::pair<double, std::string>> expected{
      {1.0, "1.0"},
      {0.1, "0.1"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {123456789.0, "123456789.0"},
      {1e15, "1000000000000000.0"},
      {9007199254740993.0, "9007199254740992.0"},
      {1e16, "1e+16"},
      {-2.5, "-2.5"},
      {-0.0, "-0.0"},
      {5e-324, "5e-324"},
      {-1.7976931348623157e+308, "-1.7976931348623157e+308"},
      {static_cast<double>(0.1F), "0.10000000149011612"}};
  for (const auto& [value, text] : expected) EXPECT_EQ(format_double(value), text);
}

}  // namespace
}  // namespace int8graph
