#include "config/json_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>
#include <utility>
#include <vector>

namespace int8graph {
namespace {

// What the parser says of the fault, without its own numbering and its own form of the position.
std::string reason_of(const Json::exception& error) {
  std::string reason = error.what();
  // It quotes what it read. Bytes that are no ASCII may be no UTF-8 either, and a message must be.
  std::ranges::replace_if(
      reason, [](char c) { return static_cast<unsigned char>(c) > 0x7F; }, '?');
  const std::size_t id_end = reason.find("] ");
  if (id_end != std::string::npos) reason.erase(0, id_end + 2);
  constexpr std::string_view kPosition = "parse error at line";
  if (reason.compare(0, kPosition.size(), kPosition) == 0) {
    const std::size_t position_end = reason.find(": ");
    if (position_end != std::string::npos) reason.erase(0, position_end + 2);
  }
  return reason;
}

// Builds the tree from the parser's events. This rather than the library's own builder, which
// drops the first of two equal fields without a word, and a number's position on overflow.
class TreeBuilder final : public nlohmann::json_sax<Json> {
 public:
  TreeBuilder(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON text
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }

  bool key(string_t& name) override {
    if (open_.back()->contains(name)) {
      const bool in_entry = open_.size() == 2 && open_.front()->is_array();
      const std::string place =
          in_entry ? "entry " + std::to_string(open_.front()->size() - 1) + ": " : "";
      throw std::invalid_argument(source_ + ": " + place + "field " + describe(name) +
                                  " stands there twice; accepted: once");
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t consumed, const std::string&,
                   const Json::exception& error) override {
    // `consumed` counts the last character that was looked at, or one past the end of the text.
    const std::string_view before = text_.substr(0, consumed > 0 ? consumed - 1 : 0);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
    throw std::invalid_argument(source_ + ": line " + std::to_string(line) + ", column " +
                                std::to_string(before.size() - line_start + 1) +
                                ": not valid JSON: " + reason_of(error));
  }

 private:
  template <typename Value>
  bool add(Value&& value) {
    place(Json(std::forward<Value>(value)));
    return true;
  }

  bool open(Json container) {
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }

  std::string_view text_;
  const std::string& source_;
  Json root_;
  std::vector<Json*> open_;  // no parent grows while a child of it is open, so these stay valid
  std::string key_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& source) {
  TreeBuilder builder(text, source);
  Json::sax_parse(text, &builder);
  return builder.take();
}

std::string format_double(double value) {
  // "-1.2345678901234567e-308" has 24 characters; fixed notation below 1e16 has no more than that.
  std::array<char, 32> buffer;
  const auto print = [&](std::chars_format format) {
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, format).ptr;
    return std::string(buffer.data(), end);
  };
  std::string text = print(std::chars_format::scientific);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (exponent < -4 || exponent >= 16) return text;
  text = print(std::chars_format::fixed);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string describe(const Json& value) {
  if (value.is_array()) return value.empty() ? "an empty list" : "a list";
  if (value.is_object()) return "an object";
  constexpr std::size_t kLongest = 60;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...";
  return text;
}

}  // namespace int8graph
