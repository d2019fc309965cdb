#include "outbox.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace mailer {

outbox::outbox(const std::filesystem::path& file)
    : file_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), file.string());
}

outbox::~outbox() { ::close(file_); }

void outbox::send(const mail& each) {
    const std::string line = std::to_string(each.key) + ' ' + each.text + '\n';
    // One system call: SIGKILL comes before it or after it.
    if (::write(file_, line.data(), line.size()) != ssize_t(line.size()))
        throw std::system_error(errno, std::generic_category(), "the outbox");
}

std::vector<mail> sent_mails(const std::filesystem::path& file) {
    std::vector<mail> all;
    std::ifstream lines(file);
    for (mail each; lines >> each.key && std::getline(lines >> std::ws, each.text);) all.push_back(each);
    return all;
}

verdict compare(const std::vector<mail>& sent, const std::vector<mail>& ordered) {
    verdict result;
    auto next = ordered.begin(); // whose mail is due
    for (const mail& each : sent) {
        if (next != ordered.end() && each == *next) {
            ++next;
        } else if (std::find(ordered.begin(), next, each) != next) {
            ++result.repeated;
        } else {
            result.problem = "the mail " + std::to_string(each.key) + " was not due";
            return result;
        }
    }
    if (next != ordered.end()) result.problem = "the mail " + std::to_string(next->key) + " was never sent";
    return result;
}

} // namespace mailer
