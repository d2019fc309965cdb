#include "maintenance/schema_comparison.hpp"

#include "base/text.hpp"
#include "maintenance/advice.hpp"
#include "storage/statements.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

namespace eventstore::maintenance {

using detail::message;
using detail::quoted_for_message;
using storage::quoted_identifier;

namespace {

std::string doubled_quotes(const std::string& text) {
    std::string result;
    for (const char c : text) {
        result += c;
        if (c == '\'') result += c;
    }
    return result;
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
    const std::string in_literal = doubled_quotes(to);
    for (auto at = text.find(from); at != std::string::npos;) {
        const std::string& with = at > 0 && text[at - 1] == '\'' ? in_literal : to;
        text.replace(at, from.size(), with);
        at = text.find(from, at + with.size());
    }
}

using key = std::pair<std::string, std::string>;

std::map<key, const schema_fact*> by_name(const std::vector<schema_fact>& facts) {
    std::map<key, const schema_fact*> map;
    for (const schema_fact& one : facts) map.emplace(key(one.kind, one.name), &one);
    return map;
}

class comparison {
public:
    comparison(const std::string& schema, bool are_without_name)
        : schema_(schema), quoted_(quoted_identifier(schema)), are_without_name_(are_without_name) {}

    void missing(const schema_fact& expected) {
        if (expected.kind == "body") return; // with its function
        add(severity::problem, "missing_" + expected.kind, expected,
            message("the ", expected.kind, " ", expected.name, " is missing; it should be: ", shown(expected.fact)),
            expected.kind == "function" ? "make the functions anew" : "make it, or restore the schema from a backup",
            command_to_make(expected));
    }
    void changed(const schema_fact& expected, const schema_fact& actual) {
        if (expected.kind == "body") {
            add(severity::problem, "changed_function", expected,
                message("the body of the function ", expected.name, " is not the one of this version"),
                "make the functions anew", remake());
            return;
        }
        const bool is_disabled = expected.kind == "trigger" && actual.fact == expected.fact + " disabled";
        std::string command;
        if (expected.kind == "function") command = remake();
        if (is_disabled)
            command =
                message("alter table ", quoted_, ".", table_of(expected), " enable trigger ", part_of(expected), ";");
        add(severity::problem, "changed_" + expected.kind, expected,
            message("the ", expected.kind, " ", expected.name, " is: ", shown(actual.fact),
                "; it should be: ", shown(expected.fact)),
            is_disabled ? "enable it: it protects the events" : "change it back", std::move(command));
    }
    void besides(const schema_fact& actual) {
        if (actual.kind == "body") return;
        const bool costs = actual.kind == "trigger" || actual.kind == "constraint" || actual.kind == "column";
        add(costs ? severity::warning : severity::note, "other_" + actual.kind, actual,
            message("the ", actual.kind, " ", actual.name, " is none of the store's: ", shown(actual.fact)),
            costs ? "see whether appends go well with it: a migration does not know it"
                  : "nothing, if it is yours: a migration does not know it");
    }
    void owner(const schema_fact& actual) {
        const bool is_function = actual.kind == "function";
        if (!is_function && actual.kind != "table" && actual.kind != "domain") return;
        add(severity::problem, "owner", actual,
            message("the ", actual.kind, " ", actual.name, " belongs to ", quoted_for_message(actual.owner),
                " and not to the owner of the schema"),
            is_function ? "its callers run with the rights of that role: see who it is, and make the functions anew as "
                          "the owner of "
                          "the schema"
                        : "give it to the owner of the schema, as a superuser",
            is_function ? std::string()
                        : message("alter ", actual.kind, " ", quoted_, ".", quoted_identifier(actual.name),
                              " owner to OWNER;"));
    }
    void open_to_all(const schema_fact& actual, const std::string& privileges) {
        std::string object = message("schema ", quoted_);
        if (actual.kind == "table") object = message("table ", quoted_, ".", quoted_identifier(actual.name));
        if (actual.kind == "function") object = message("function ", quoted_, ".", actual.name);
        add(severity::problem, "public_privilege", actual,
            message("every role may ", privileges, " on the ", actual.kind, actual.kind == "schema" ? "" : " ",
                actual.kind == "schema" ? "" : actual.name),
            "revoke that", message("revoke ", privileges, " on ", object, " from public;"));
    }

    std::vector<finding> take() {
        std::stable_sort(findings_.begin(), findings_.end(),
            [](const finding& a, const finding& b) { return a.severity > b.severity; });
        return std::move(findings_);
    }

private:
    static std::string shown(const std::string& fact) { return detail::one_line(fact); }
    static std::string table_of(const schema_fact& one) {
        return quoted_identifier(one.name.substr(0, one.name.find('.')));
    }
    static std::string part_of(const schema_fact& one) {
        return quoted_identifier(one.name.substr(one.name.find('.') + 1));
    }

    std::string remake() const { return message(program_command("migrate --functions --sql", schema_), " | psql"); }
    std::string command_to_make(const schema_fact& one) const {
        if (one.kind == "function") return remake();
        const std::string path = are_without_name_ ? message("set search_path = ", quoted_, "; ") : std::string();
        if (one.kind == "index" || one.kind == "trigger") return message(path, one.fact, ";");
        if (one.kind == "constraint")
            return message(path, "alter table ", quoted_, ".", table_of(one), " add constraint ", part_of(one), " ",
                one.fact, ";");
        return std::string();
    }
    void add(severity how_bad, std::string check, const schema_fact& about, std::string text, std::string advice,
        std::string command = std::string()) {
        finding one;
        one.severity = how_bad;
        one.check = std::move(check);
        one.subject = about.name;
        one.message = std::move(text);
        one.advice = std::move(advice);
        one.command = std::move(command);
        findings_.push_back(std::move(one));
    }

    const std::string& schema_;
    const std::string quoted_;
    const bool are_without_name_;
    std::vector<finding> findings_;
};

/// Of two lists with commas, what only the first has.
std::string without(const std::string& list, const std::string& others) {
    std::string left;
    for (std::size_t begin = 0; begin < list.size();) {
        const std::size_t end = std::min(list.find(", ", begin), list.size());
        const std::string one = list.substr(begin, end - begin);
        if ((", " + others + ", ").find(", " + one + ", ") == std::string::npos)
            left += (left.empty() ? "" : ", ") + one;
        begin = end + 2;
    }
    return left;
}

} // namespace

std::string name_as_server_writes_it(const std::vector<schema_fact>& facts) {
    for (const schema_fact& one : facts)
        if (one.kind == "schema") return one.fact;
    return std::string();
}

std::vector<schema_fact> under_name(
    std::vector<schema_fact> facts, std::string_view made_as, const std::string& schema, const std::string& written) {
    const std::string quoted = quoted_identifier(schema);
    for (schema_fact& one : facts) {
        for (std::string* const text : {&one.fact, &one.name}) {
            replace_all(*text, message('"', made_as, '"'), quoted);
            replace_all(*text, made_as, written);
            // The server calls the schema of the session's temporary tables so.
            if (made_as.starts_with("pg_temp")) replace_all(*text, "pg_temp.", written + ".");
        }
    }
    return facts;
}

std::vector<schema_fact> without_name(std::vector<schema_fact> facts, const std::string& written) {
    const auto is_part_of_name = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '"' || c == '$' || c == '.';
    };
    for (schema_fact& one : facts) {
        if (one.kind == "body") continue;
        for (const std::string& prefix : {written + '.', doubled_quotes(written) + '.'}) {
            for (auto at = one.fact.find(prefix); at != std::string::npos; at = one.fact.find(prefix, at)) {
                if (at > 0 && is_part_of_name(one.fact[at - 1]))
                    at += prefix.size();
                else
                    one.fact.erase(at, prefix.size());
            }
        }
    }
    return facts;
}

std::vector<finding> compare_schemas(const std::vector<schema_fact>& expected, const std::vector<schema_fact>& actual,
    const std::string& schema, bool are_without_name) {
    const auto wanted = by_name(expected);
    const auto present = by_name(actual);
    comparison found(schema, are_without_name);
    for (const auto& [name, one] : wanted) {
        if (one->kind == "schema") continue;
        const auto same = present.find(name);
        if (same == present.end())
            found.missing(*one);
        else if (same->second->fact != one->fact)
            found.changed(*one, *same->second);
    }
    for (const auto& [name, one] : present) {
        const auto same = wanted.find(name);
        if (same == wanted.end()) found.besides(*one);
        if (!one->owner.empty()) found.owner(*one);
        const std::string open =
            same == wanted.end() ? std::string() : without(one->public_may, same->second->public_may);
        if (!open.empty()) found.open_to_all(*one, open);
    }
    return found.take();
}

} // namespace eventstore::maintenance
