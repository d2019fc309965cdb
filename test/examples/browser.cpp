#include "examples/browser.hpp"

#include <eventstore/uuid.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace eventstore::test {

namespace json = boost::json;

std::string find_chromium() {
    const char* path = std::getenv("PATH");
    for (const char* name : {"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"}) {
        std::istringstream folders(path ? path : "/usr/bin");
        for (std::string folder; std::getline(folders, folder, ':');)
            if (const std::string command = folder + '/' + name; ::access(command.c_str(), X_OK) == 0) return command;
    }
    return "";
}

browser::browser()
    : folder_(std::filesystem::temp_directory_path() / ("browser-" + eventstore::to_string(make_uuid()))) {
    std::vector<std::string> command = {find_chromium(), "--headless", "--remote-debugging-pipe", "--disable-gpu",
        "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + folder_.string()};
    if (::geteuid() == 0) command.push_back("--no-sandbox"); // it refuses to run as root otherwise
    program_ = std::make_unique<child_program>(std::move(command), 3, 4, true);

    json::object page;
    page["url"] = "about:blank";
    json::object attached;
    attached["targetId"] = call("Target.createTarget", std::move(page)).at("targetId");
    attached["flatten"] = true;
    session_ = json::value_to<std::string>(call("Target.attachToTarget", std::move(attached)).at("sessionId"));
    call("Runtime.enable", json::object());
}

browser::~browser() {
    program_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void browser::open(const std::string& url) {
    json::object page;
    page["url"] = url;
    call("Page.navigate", std::move(page));
    wait_until("document.readyState === 'complete' && location.href !== 'about:blank'");
}

json::value browser::evaluate(const std::string& expression) {
    json::object what;
    what["expression"] = expression;
    what["awaitPromise"] = true;
    what["returnByValue"] = true;
    const json::object result = call("Runtime.evaluate", std::move(what));
    if (result.contains("exceptionDetails")) throw std::runtime_error(expression + ": " + json::serialize(result));
    const json::object& value = result.at("result").as_object();
    return value.contains("value") ? value.at("value") : json::value();
}

void browser::wait_until(const std::string& expression, std::source_location where) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (evaluate(expression) != json::value(true)) {
        if (std::chrono::steady_clock::now() > end)
            throw std::runtime_error(std::string(where.file_name()) + ":" + std::to_string(where.line()) +
                ": not so: " + expression +
                "; the page shows: " + json::serialize(evaluate("document.body.innerText")));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

json::object browser::call(const std::string& method, json::object parameters) {
    json::object command;
    command["id"] = ++calls_;
    command["method"] = method;
    command["params"] = std::move(parameters);
    if (!session_.empty()) command["sessionId"] = session_;
    program_->write(json::serialize(command) + '\0');
    for (;;) {
        json::object message = json::parse(program_->read_until('\0')).as_object();
        if (message.contains("method") && message.at("method") == json::value("Runtime.exceptionThrown"))
            uncaught_ += json::serialize(message.at("params")) + '\n';
        if (!message.contains("id") || message.at("id") != json::value(calls_)) continue; // news
        if (message.contains("error")) throw std::runtime_error(method + ": " + json::serialize(message.at("error")));
        return std::move(message.at("result").as_object());
    }
}

} // namespace eventstore::test
