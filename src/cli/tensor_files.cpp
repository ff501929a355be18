#include "cli/tensor_files.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "cli/command_line.h"
#include "quantize/inspection.h"

namespace int8graph {

namespace fs = std::filesystem;

namespace {

static_assert(std::endian::native == std::endian::little);

std::string quoted(const std::string& path) {
  return "\"" + path + "\"";
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw std::invalid_argument(quoted(path) + ": " + reason);
}

std::vector<char> read_bytes(const std::string& path) {
  std::vector<char> bytes;
  std::error_code has_no_size;  // a pipe
  if (const auto size = fs::file_size(path, has_no_size); !has_no_size) bytes.reserve(size);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  if (!file || file.bad()) {
    throw std::system_error(errno != 0 ? errno : EIO, std::generic_category(),
                            "can't read \"" + path + "\"");
  }
  return bytes;
}

c10::ScalarType npy_dtype(const std::string& path, std::string_view descr) {
  struct Name {
    std::string_view descr;
    c10::ScalarType dtype;
  };
  constexpr Name kNames[] = {
      {"<f4", c10::kFloat}, {"<f8", c10::kDouble}, {"<f2", c10::kHalf},
      {"<i8", c10::kLong},  {"<i4", c10::kInt},    {"<i2", c10::kShort},
      {"|i1", c10::kChar},  {"|u1", c10::kByte},   {"|b1", c10::kBool},
  };
  for (const Name& name : kNames) {
    if (name.descr == descr) return name.dtype;
  }
  refuse(path, "dtype " + std::string(descr) +
                   "; accepted: little-endian floats, signed integers, uint8 and bool");
}

/// The text of a field in the header, a Python dictionary: from behind `key` to one of `ends`.
std::string_view npy_field(const std::string& path, std::string_view header, std::string_view key,
                           std::string_view ends) {
  const size_t at = header.find(key);
  const size_t end =
      at == std::string_view::npos ? at : header.find_first_of(ends, at + key.size());
  if (end == std::string_view::npos) refuse(path, "not a valid .npy file: no field in its header");
  return header.substr(at + key.size(), end - at - key.size());
}

std::vector<int64_t> npy_shape(const std::string& path, std::string_view text) {
  std::vector<int64_t> shape;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 0)
      refuse(path, "not a valid .npy file: shape " + std::string(text));
    shape.push_back(size);
    at = std::find_if(next, end, [](char c) { return c != ',' && c != ' '; });
  }
  return shape;
}

std::vector<int64_t> reversed_axes(int64_t count) {
  std::vector<int64_t> axes(count);
  for (int64_t i = 0; i < count; ++i) axes[i] = count - 1 - i;
  return axes;
}

at::Tensor for_models(const at::Tensor& tensor) {
  return tensor.scalar_type() == c10::kDouble ? tensor.to(c10::kFloat) : tensor;
}

c10::IValue read_value(const std::string& path) {
  if (path.ends_with(".npy")) return read_npy(path);
  const std::vector<char> bytes = read_bytes(path);
  try {
    return torch::jit::pickle_load(bytes);
  } catch (const std::exception&) {
    refuse(path, "not a tensor or tuple of tensors as torch.save() writes it");
  }
}

/// @param source what holds the value, for messages
std::vector<at::Tensor> tensors_of(const std::string& source, const c10::IValue& value) {
  const auto refuse_value = [&](const std::string& reason) {
    throw std::invalid_argument(source + ": " + reason);
  };
  std::vector<at::Tensor> tensors;
  if (value.isTensor()) {
    tensors.push_back(for_models(value.toTensor()));
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) {
      if (!element.isTensor()) {
        refuse_value("a tuple holds " + element.tagKind() + "; accepted: tensors");
      }
      tensors.push_back(for_models(element.toTensor()));
    }
  } else {
    refuse_value("holds " + value.tagKind() + "; accepted: a tensor, a tuple of tensors or a list");
  }
  if (tensors.empty()) refuse_value("holds an empty tuple");
  return tensors;
}

Inputs as_inputs(const std::vector<at::Tensor>& tensors) {
  return {tensors.begin(), tensors.end()};
}

std::string samples_of(const std::string& path, int64_t start, int64_t end) {
  const std::string first = std::to_string(start);
  return quoted(path) + (end - start == 1
                             ? ", sample " + first
                             : ", samples " + first + " to " + std::to_string(end - 1));
}

std::vector<Call> cut(const std::string& path, std::vector<at::Tensor> tensors,
                      const BatchOptions& options) {
  for (const at::Tensor& tensor : tensors) {
    if (tensor.dim() == 0) refuse(path, "holds a single number; samples lie along the first axis");
    if (tensor.size(0) != tensors[0].size(0))
      refuse(path, "its tensors hold different numbers of samples");
  }
  const int64_t batch = options.batch.value_or(1);
  int64_t samples = tensors[0].size(0);
  if (options.samples >= 0 && options.samples < samples) {
    samples = options.samples;
    // A copy: a view would keep what is not used in memory.
    for (at::Tensor& tensor : tensors) tensor = tensor.narrow(0, 0, samples).clone();
  }
  std::vector<Call> calls;
  for (int64_t start = 0; start < samples; start += batch) {
    const int64_t end = std::min(start + batch, samples);
    Call& call = calls.emplace_back(Inputs(), samples_of(path, start, end));
    for (const at::Tensor& tensor : tensors) {
      call.inputs.emplace_back(tensor.narrow(0, start, end - start));
    }
  }
  return calls;
}

/// Where each file or element is one call.
void refuse_batch(const std::string& path, const BatchOptions& options) {
  if (!options.batch) return;
  throw UsageError("option --batch is for a tensor or a tuple of tensors; " + quoted(path) +
                   " tells its calls one by one");
}

std::vector<Call> calls_of_elements(const std::string& path, c10::ArrayRef<c10::IValue> elements,
                                    const BatchOptions& options) {
  std::vector<Call> calls;
  for (const c10::IValue& element : elements) {
    if (static_cast<int64_t>(calls.size()) == options.samples) break;
    const std::string source = quoted(path) + ", element " + std::to_string(calls.size());
    calls.push_back({as_inputs(tensors_of(source, element)), source});
  }
  return calls;
}

std::vector<std::string> data_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".npy" || extension == ".pt")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

}  // namespace

at::Tensor read_npy(const std::string& path) {
  const std::vector<char> bytes = read_bytes(path);
  const std::string_view all(bytes.data(), bytes.size());
  constexpr size_t kVersionAt = 6;
  if (all.size() < 12 || !all.starts_with("\x93NUMPY")) refuse(path, "not a .npy file");
  // Version 1 holds the header's length in two bytes, later ones in four.
  const size_t length_bytes = all[kVersionAt] == 1 ? 2 : 4;
  uint32_t length = 0;
  std::memcpy(&length, all.data() + 8, length_bytes);
  const size_t start = 8 + length_bytes + length;
  if (start > all.size()) refuse(path, "not a valid .npy file: its header is cut off");
  const std::string_view header = all.substr(8 + length_bytes, length);

  const auto dtype = npy_dtype(path, npy_field(path, header, "'descr': '", "'"));
  const auto shape = npy_shape(path, npy_field(path, header, "'shape': (", ")"));
  const bool is_fortran = npy_field(path, header, "'fortran_order': ", ",").starts_with("True");
  const auto sizes = is_fortran ? std::vector<int64_t>(shape.rbegin(), shape.rend()) : shape;
  at::Tensor tensor = at::empty(sizes, dtype);
  if (all.size() - start != tensor.nbytes()) {
    refuse(path, "holds " + std::to_string(all.size() - start) +
                     " bytes of data; its header tells " + std::to_string(tensor.nbytes()));
  }
  if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), all.data() + start, tensor.nbytes());
  return is_fortran ? tensor.permute(reversed_axes(tensor.dim())).contiguous() : tensor;
}

std::vector<Call> read_calls(const std::string& path, const BatchOptions& options) {
  std::vector<Call> calls;
  if (fs::is_directory(path)) {
    refuse_batch(path, options);
    for (const std::string& file : data_files(path)) {
      if (static_cast<int64_t>(calls.size()) == options.samples) break;
      calls.push_back({as_inputs(tensors_of(quoted(file), read_value(file))), quoted(file)});
    }
    if (calls.empty()) refuse(path, "no .npy or .pt files in this folder");
    return calls;
  }
  const c10::IValue value = read_value(path);
  if (value.isList()) {
    refuse_batch(path, options);
    calls = calls_of_elements(path, value.toListRef(), options);
  } else {
    calls = cut(path, tensors_of(quoted(path), value), options);
  }
  if (calls.empty()) refuse(path, "holds no samples");
  return calls;
}

std::vector<std::vector<int64_t>> parse_shapes(const std::string& text) {
  std::vector<std::vector<int64_t>> shapes;
  for (const std::string& part : split(text, ',')) {
    auto& shape = shapes.emplace_back();
    for (const std::string& size : split(part, 'x')) {
      int64_t value = 0;
      const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), value);
      if (error != std::errc() || end != size.data() + size.size() || value < 1) {
        throw UsageError(
            "option --shape is \"" + text +
            "\"; accepted: sizes joined by x, e.g. 1x3x224x224, and one such shape per "
            "input joined by commas");
      }
      shape.push_back(value);
    }
  }
  return shapes;
}

std::vector<c10::ScalarType> parse_dtypes(const std::string& text, size_t count) {
  constexpr c10::ScalarType kAccepted[] = {c10::kFloat, c10::kBFloat16, c10::kLong,
                                           c10::kInt,   c10::kByte,     c10::kBool};
  std::vector<c10::ScalarType> dtypes;
  for (const std::string& name : split(text, ',')) {
    const auto found = std::ranges::find(kAccepted, name, dtype_name);
    if (found == std::end(kAccepted)) {
      throw UsageError("option --dtype is \"" + text +
                       "\"; accepted: float32, bfloat16, int64, int32, uint8, bool");
    }
    dtypes.push_back(*found);
  }
  if (dtypes.size() == 1) dtypes.resize(count, dtypes.front());
  if (dtypes.size() != count) {
    throw UsageError("option --dtype names " + std::to_string(dtypes.size()) + " dtypes for " +
                     std::to_string(count) + " inputs");
  }
  return dtypes;
}

Inputs made_up_inputs(const std::vector<std::vector<int64_t>>& shapes,
                      const std::vector<c10::ScalarType>& dtypes) {
  at::Generator generator = at::detail::createCPUGenerator(/*seed_val=*/0);
  Inputs inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (c10::isFloatingType(dtypes[i])) {
      inputs.emplace_back(at::randn(shapes[i], generator, at::kFloat).to(dtypes[i]));
    } else {
      inputs.emplace_back(at::ones(shapes[i], dtypes[i]));
    }
  }
  return inputs;
}

}  // namespace int8graph
