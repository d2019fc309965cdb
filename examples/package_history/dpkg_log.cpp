#include "dpkg_log.hpp"

#include "command.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/uuid/name_generator_sha1.hpp>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace package_history {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::size_t time_size = std::string_view("2025-06-24 14:36:25").size();

/// The log holds local time.
std::optional<es::timestamp> parse_time(std::string_view line) {
    if (line.size() <= time_size || line[time_size] != ' ') return std::nullopt;
    const std::string text(line.substr(0, time_size));
    std::tm parts{};
    if (std::sscanf(text.c_str(), "%4d-%2d-%2d %2d:%2d:%2d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
            &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return std::nullopt;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    parts.tm_isdst = -1; // as it was on that day
    return es::timestamp(std::chrono::seconds(std::mktime(&parts)));
}

std::vector<std::string> split(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        words.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return words;
}

std::string object(std::initializer_list<std::pair<json::string_view, json::string_view>> members) {
    json::object out;
    for (const auto& [name, value] : members) out.emplace(name, value);
    return json::serialize(out);
}

struct parsed {
    std::string stream;
    std::string type;
    std::string data;
};

/// What dpkg writes after the time; its manual page says how.
std::optional<parsed> parse_words(const std::vector<std::string>& words) {
    if (words.size() < 3) return std::nullopt;
    const std::string& what = words[0];

    if (what == "startup") return parsed{"dpkg", "DpkgStarted", object({{"mode", words[1]}, {"command", words[2]}})};
    if (what == "conffile") {
        std::string file = words[1]; // its name may have spaces
        for (std::size_t i = 2; i + 1 < words.size(); ++i) file += ' ' + words[i];
        return parsed{"dpkg", "ConffileDecided", object({{"file", file}, {"decision", words.back()}})};
    }
    if (words.size() != 4) return std::nullopt;

    if (what == "status")
        return parsed{
            "package-" + words[2], "PackageStatusChanged", object({{"status", words[1]}, {"version", words[3]}})};
    const std::string stream = "package-" + words[1];
    const std::string& present = words[2];
    const std::string& available = words[3];
    if (what == "install") return parsed{stream, "PackageInstallStarted", object({{"version", available}})};
    if (what == "upgrade")
        return parsed{stream, "PackageUpgradeStarted", object({{"from", present}, {"to", available}})};
    if (what == "configure") return parsed{stream, "PackageConfigureStarted", object({{"version", present}})};
    if (what == "trigproc") return parsed{stream, "PackageTriggersStarted", object({{"version", present}})};
    if (what == "remove") return parsed{stream, "PackageRemovalStarted", object({{"version", present}})};
    if (what == "purge") return parsed{stream, "PackagePurgeStarted", object({{"version", present}})};
    if (what == "disappear") return parsed{stream, "PackageDisappeared", object({{"version", present}})};
    return std::nullopt;
}

/// An id that is always the same for the same line (a UUID of version 5).
es::uuid id_of(std::string_view line, int number) {
    static const es::uuid space = *es::parse_uuid("6f0f8f0c-3d0b-5c53-9d5f-2f4d7e1f9a11"); // of this example
    const boost::uuids::name_generator_sha1 make(space);
    return make(std::string(line) + '\n' + std::to_string(number));
}

std::string text_of(const fs::path& file) {
    if (file.extension() == ".gz") return output_of("zcat -- " + quoted(file.string()));
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

std::vector<fs::path> log_files(const std::vector<fs::path>& files_and_folders) {
    std::vector<fs::path> files;
    for (const fs::path& each : files_and_folders) {
        if (!fs::is_directory(each)) {
            files.push_back(each);
            continue;
        }
        for (const fs::directory_entry& inside : fs::directory_iterator(each))
            if (inside.path().filename().string().starts_with("dpkg.log")) files.push_back(inside.path());
    }
    return files;
}

} // namespace

std::optional<entry> log_parser::parse(std::string_view line) {
    const std::optional<es::timestamp> at = parse_time(line);
    if (!at) return std::nullopt;
    std::optional<parsed> what = parse_words(split(line.substr(time_size + 1)));
    if (!what) return std::nullopt;
    const int number = ++seen_[std::string(line)];
    es::event_data event(std::move(what->type), std::move(what->data));
    event.id(id_of(line, number)).created_at(*at);
    return entry{std::move(what->stream), std::move(event)};
}

dpkg_log read_logs(const std::vector<fs::path>& files_and_folders) {
    std::vector<std::string> texts;
    for (const fs::path& file : log_files(files_and_folders)) {
        std::string text = text_of(file);
        if (!text.empty()) texts.push_back(std::move(text));
    }
    std::sort(texts.begin(), texts.end()); // a log begins with its time

    dpkg_log all;
    all.files = texts.size();
    log_parser parser;
    for (const std::string& text : texts) {
        std::string_view rest = text;
        // A last line without an end is one that dpkg is still writing.
        for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
            if (std::optional<entry> next = parser.parse(rest.substr(0, end)))
                all.entries.push_back(std::move(*next));
            else
                ++all.strange_lines;
            rest.remove_prefix(end + 1);
        }
    }
    return all;
}

} // namespace package_history
