#include "quantize/torchscript_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <system_error>

#include "config/temporary_directory.h"
#include "testing/messages.h"
#include "testing/small_models.h"

namespace int8graph {
namespace {

class TorchScriptFile : public testing::Test {
 protected:
  /// The same from both.
  std::string refusal() const {
    const std::string text = refusal_of([&] { load_torchscript(path_); });
    EXPECT_EQ(refusal_of([&] { check_torchscript(path_); }), text);
    return text;
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "model.pt";
};

TEST_F(TorchScriptFile, IsLoaded) {
  small_model("return torch.relu(x)").save(path_);
  EXPECT_TRUE(load_torchscript(path_).find_method("forward"));
  EXPECT_NO_THROW(check_torchscript(path_));
}

TEST_F(TorchScriptFile, ThatIsMissingOrAFolderCanNotBeRead) {
  EXPECT_THROW(load_torchscript(path_), std::system_error);
  EXPECT_THROW(load_torchscript(directory_.path()), std::system_error);
  EXPECT_THROW(check_torchscript(path_), std::system_error);
}

TEST_F(TorchScriptFile, ThatIsNoneIsRefusedWithoutTheZipReadersWords) {
  std::ofstream(path_) << "text";
  expect_words(refusal(), {"\"" + path_ + "\" is not a TorchScript file"});
  EXPECT_EQ(refusal().find("PytorchStreamReader"), std::string::npos);
  EXPECT_EQ(refusal().find('\n'), std::string::npos);
}

TEST_F(TorchScriptFile, OfATensorIsRefused) {
  const std::vector<char> bytes = torch::jit::pickle_save(at::zeros({2}));
  std::ofstream(path_, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  expect_words(refusal(), {"is not a TorchScript file"});
}

}  // namespace
}  // namespace int8graph
