#include "int8graph/module_io.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <vector>

#include "config/temporary_directory.h"
#include "int8graph/convert.h"
#include "testing/fused_graphs.h"
#include "testing/messages.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

namespace jit = torch::jit;

class ModuleIo : public testing::Test {
 protected:
  void write(const std::string& content) const { std::ofstream(path_) << content; }
  std::string content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "model.pt";
  at::Tensor x_ = small_input(4);
  jit::Module model_ = small_model("return self.exact_conv2d(torch.relu(self.conv2d(x)))");
  QuantConf conf_ = calibrated_on(model_, {x_});
  jit::Module artifact_ = convert(model_, conf_, {x_});
};

TEST_F(ModuleIo, ASavedArtifactGivesTheSameNumbers) {
  save(artifact_, path_);
  jit::Module loaded = load(path_);
  jit::Module plain = jit::load(path_);
  const c10::InferenceMode no_grad;
  const at::Tensor expected = artifact_.forward({x_}).toTensor();
  EXPECT_TRUE(at::equal(loaded.forward({x_}).toTensor(), expected));
  for (int call = 0; call < 2; ++call) plain.forward({x_});
  EXPECT_TRUE(at::equal(plain.forward({x_}).toTensor(), expected));
  EXPECT_EQ(directory_.number_of_files(), 1);
}

/// Several threads call a module that nobody has called before, with shapes that keep changing.
void expect_right_numbers_from_all_threads(jit::Module& module, jit::Module& expected) {
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      const c10::InferenceMode no_grad;
      for (int64_t call = 0; call < 20; ++call) {
        const at::Tensor x = noise({1, kChannels, 5 + (call * (i + 1)) % 11, 7});
        const at::Tensor right = expected.forward({x}).toTensor();
        if (!at::allclose(module.forward({x}).toTensor(), right, 1e-4, 1e-4)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(ModuleIo, ThreadsMayShareALoadedModuleFromItsFirstCallOn) {
  save(artifact_, path_);
  const c10::InferenceMode no_grad;
  jit::Module expected = load(path_);
  expected.forward({x_});
  jit::Module loaded = load(path_);
  expect_right_numbers_from_all_threads(loaded, expected);
  jit::Module plain = jit::load(path_);
  expect_right_numbers_from_all_threads(plain, expected);
}

/// Layers large enough that load() gives the memory of their weights back.
TEST_F(ModuleIo, ALoadedModuleTakesSizesItHasNotSeen) {
  jit::Module model("wide");
  model.register_parameter("filters", alternating({32, 32, 3, 3}), false);
  model.register_parameter("columns", alternating({48, 32}), false);
  model.define(R"(
def forward(self, x):
    y = torch.relu(torch.conv2d(x, self.filters, None, [1, 1], [1, 1]))
    return torch.linear(y.permute([0, 2, 3, 1]), self.columns)
)");
  model.eval();
  const at::Tensor x = noise({1, 32, 8, 8});
  const QuantConf conf = calibrated_on(model, {x});
  save(convert(model, conf, {x}), path_);
  jit::Module loaded = load(path_);
  jit::Module plain = jit::load(path_);
  const c10::InferenceMode no_grad;
  for (const int64_t size : {8, 5, 16, 33, 5, 1}) {
    const at::Tensor other = noise({2, 32, size, size + 1});
    const at::Tensor expected = plain.forward({other}).toTensor();
    EXPECT_TRUE(at::allclose(loaded.forward({other}).toTensor(), expected, 1e-4, 1e-4)) << size;
  }
}

TEST_F(ModuleIo, TheFileCarriesTheQuantConf) {
  save(artifact_, path_);
  jit::ExtraFilesMap files = {{"int8graph.json", ""}};
  jit::load(path_, c10::nullopt, files);
  const QuantConf read = QuantConf::from_json(files["int8graph.json"], "int8graph.json");
  EXPECT_EQ(read.to_json(), conf_.to_json());
}

TEST_F(ModuleIo, AnArtifactIsStillWholeAfterItWasSaved) {
  save(artifact_, path_);
  const std::string first = content();
  save(artifact_, path_);
  EXPECT_EQ(content().size(), first.size());
}

TEST_F(ModuleIo, OtherModulesAreNotSaved) {
  write("old");
  expect_words(refusal_of([&] { save(model_, path_); }), {path_, "convert"});
  EXPECT_EQ(content(), "old");
}

TEST_F(ModuleIo, ALoadedModuleIsNotSaved) {
  save(artifact_, path_);
  const std::string other = directory_ / "other.pt";
  expect_words(refusal_of([&] { save(load(path_), other); }), {other, "copy that file"});
  EXPECT_FALSE(std::filesystem::exists(other));
}

TEST_F(ModuleIo, APathThatCannotBeWrittenIsAnErrorWithItsName) {
  const std::string path = directory_ / "missing/model.pt";
  try {
    save(artifact_, path);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    expect_words(error.what(), {path});
  }
  EXPECT_EQ(directory_.number_of_files(), 0);
}

TEST_F(ModuleIo, AMissingFileIsAnErrorWithItsName) {
  try {
    load(path_);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
    expect_words(error.what(), {path_});
  }
  EXPECT_THROW(load(directory_.path()), std::system_error);
}

TEST_F(ModuleIo, AFileOfAnotherKindIsRefused) {
  for (const char* content : {"", "not a model", "PK\x03\x04 half a zip"}) {
    write(content);
    expect_words(refusal_of([&] { load(path_); }), {path_, "not a TorchScript file"});
  }
}

TEST_F(ModuleIo, HalfAFileIsRefused) {
  save(artifact_, path_);
  const std::string whole = content();
  write(whole.substr(0, whole.size() / 2));
  expect_words(refusal_of([&] { load(path_); }), {path_});
}

TEST_F(ModuleIo, AnotherTorchScriptModelIsRefused) {
  model_.save(path_);
  expect_words(refusal_of([&] { load(path_); }), {path_, "convert"});
}

TEST_F(ModuleIo, InputsThatAreNoTensorsLoadToo) {
  const auto model = small_model("return self.exact_conv2d(self.conv2d(x) * n)", "x, n: float");
  jit::Module artifact = convert(model, calibrated_on(model, {x_, 2.0}), {x_, 2.0});
  save(artifact, path_);
  jit::Module loaded = load(path_);
  const c10::InferenceMode no_grad;
  EXPECT_TRUE(
      at::equal(loaded.forward({x_, 2.0}).toTensor(), artifact.forward({x_, 2.0}).toTensor()));
}

}  // namespace
}  // namespace int8graph
