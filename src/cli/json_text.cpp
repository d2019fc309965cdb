#include "cli/json_text.hpp"

#include "cli/usage_error.hpp"

#include <boost/archive/iterators/base64_from_binary.hpp>
#include <boost/archive/iterators/binary_from_base64.hpp>
#include <boost/archive/iterators/transform_width.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>

namespace eventstore::cli {

namespace json = boost::json;

namespace {

/// Memory for one parse: most events need no allocation at all.
class workspace {
public:
    json::storage_ptr storage() { return &resource_; }

private:
    unsigned char buffer_[8192];
    json::monotonic_resource resource_{buffer_, sizeof buffer_};
};

constexpr std::size_t deepest_value = 500;

json::value parsed(
    std::string_view text, json::error_code& ec, json::storage_ptr storage, std::size_t depth = deepest_value) {
    json::parse_options options;
    options.max_depth = depth;
    return json::parse(text, ec, std::move(storage), options);
}

/// Walks over JSON that is known to be well-formed.
class walker {
public:
    explicit walker(std::string_view text) : text_(text) {}

    bool skip(char wanted) {
        skip_space();
        if (at_ >= text_.size() || text_[at_] != wanted) return false;
        ++at_;
        return true;
    }

    std::string_view value() {
        skip_space();
        const std::size_t begin = at_;
        int depth = 0;
        do {
            const char c = text_[at_];
            if (c == '"')
                skip_string();
            else if (c == '{' || c == '[')
                ++depth, ++at_;
            else if (c == '}' || c == ']')
                --depth, ++at_;
            else if (depth > 0)
                ++at_;
            else
                at_ = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
        } while (depth > 0);
        return text_.substr(begin, at_ - begin);
    }

private:
    void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
    void skip_string() {
        for (++at_; text_[at_] != '"'; ++at_)
            if (text_[at_] == '\\') ++at_;
        ++at_;
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

} // namespace

bool is_json(std::string_view text) {
    workspace memory;
    json::error_code ec;
    parsed(text, ec, memory.storage());
    return !ec;
}

std::string without_space(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const char c = json[i];
        if (!in_string && std::string_view(" \t\r\n").find(c) != std::string_view::npos) continue;
        out += c;
        if (in_string && c == '\\' && i + 1 < json.size())
            out += json[++i];
        else if (c == '"')
            in_string = !in_string;
    }
    return out;
}

bool is_utf8(std::string_view bytes) { return is_json(json_string(bytes)); }

std::vector<json_member> json_members(std::string_view object) {
    {
        workspace memory;
        json::error_code ec;
        const json::value value = parsed(object, ec, memory.storage(), deepest_value + 1); // a member may be as deep
        if (ec && !is_utf8(object)) throw usage_error("this is not UTF-8: convert it first, as iconv does");
        if (ec) throw usage_error("this is not JSON: " + ec.message());
        if (!value.is_object()) throw usage_error("this is JSON, but not an object");
    }

    std::vector<json_member> members;
    walker at(object);
    at.skip('{');
    if (at.skip('}')) return members;
    do {
        std::string name = *text_of(at.value());
        at.skip(':');
        const std::string_view value = at.value();
        members.push_back({std::move(name), value});
    } while (at.skip(','));
    return members;
}

std::string json_string(std::string_view text) { return json::serialize(json::string_view(text.data(), text.size())); }

std::optional<std::string> text_of(std::string_view json_value) {
    if (!json_value.starts_with('"')) return std::nullopt;
    workspace memory;
    json::error_code ec;
    const json::value value = parsed(json_value, ec, memory.storage());
    if (ec || !value.is_string()) return std::nullopt;
    const json::string& text = value.get_string();
    return std::string(text.data(), text.size());
}

std::string to_base64(std::string_view bytes) {
    using namespace boost::archive::iterators;
    using digits = base64_from_binary<transform_width<const char*, 6, 8>>;
    std::string text(digits(bytes.data()), digits(bytes.data() + bytes.size()));
    text.append((3 - bytes.size() % 3) % 3, '=');
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    using namespace boost::archive::iterators;
    using bytes = transform_width<binary_from_base64<const char*>, 8, 6>;
    if (text.size() % 4 != 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && text.ends_with('=')) text.remove_suffix(1), ++padding;
    if (text.find('=') != text.npos) return std::nullopt; // the iterators take it for a digit
    try {
        // Only whole bytes: the iterator would look for the missing bits of the last one behind the end.
        std::string out;
        const std::size_t size = text.size() * 6 / 8;
        out.reserve(size);
        bytes at(text.data());
        for (std::size_t i = 0; i < size; ++i, ++at) out.push_back(*at);
        return out;
    } catch (const dataflow_exception&) {
        return std::nullopt; // a character that is no digit
    }
}

} // namespace eventstore::cli
