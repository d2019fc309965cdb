#include "cli/findings.hpp"

#include "cli/json_text.hpp"

namespace eventstore::cli {

namespace {

std::string line_of(const finding& one) {
    std::string line =
        std::string("{\"severity\":\"") + to_text(one.severity) + "\",\"check\":" + json_string(one.check);
    if (!one.subject.empty()) line += ",\"subject\":" + json_string(one.subject);
    if (one.position != 0) line += ",\"position\":" + std::to_string(one.position);
    if (one.version != 0) line += ",\"version\":" + std::to_string(one.version);
    line += ",\"message\":" + json_string(one.message) + ",\"advice\":" + json_string(one.advice);
    if (!one.command.empty()) line += ",\"command\":" + json_string(one.command);
    return line + "}\n";
}

} // namespace

std::string printable(std::string text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c < 0x20 || c == 0x7F) text[i] = ' ';
        if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0)
            text.replace(i, 2, " "); // U+0080 to U+009F
    }
    return text;
}

std::string count_text(std::size_t count, const char* noun) {
    return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

void print_findings(const task& work, const std::vector<finding>& findings) {
    for (const finding& one : findings) {
        if (work.given.format == style::json) {
            work.out.put(line_of(one));
            continue;
        }
        std::string text = std::string(to_text(one.severity)) + ": " + printable(one.message) + '\n';
        if (!one.advice.empty()) text += "    " + printable(one.advice) + '\n';
        if (!one.command.empty()) text += "        " + printable(one.command) + '\n';
        work.out.put(text);
    }
}

} // namespace eventstore::cli
