// The mails that were sent. A file stands for the mail server: what is written there has left the house.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mailer {

struct mail {
    std::int64_t key = 0; // the position of the event that asks for it: a repeated mail has the same key
    std::string text;

    bool operator==(const mail&) const = default;
};

/// The file, for one process that writes to it. Each mail is a line, and a line is written as a whole or not at all.
class outbox {
public:
    explicit outbox(const std::filesystem::path& file);
    ~outbox();
    outbox(const outbox&) = delete;
    outbox& operator=(const outbox&) = delete;

    void send(const mail& each);

private:
    int file_;
};

/// In the order in which they were sent. None if there is no file yet.
std::vector<mail> sent_mails(const std::filesystem::path& file);

struct verdict {
    std::size_t repeated = 0; // sent once more than needed
    std::string problem;      // the first one; empty if each order has its mail, in order
};
verdict compare(const std::vector<mail>& sent, const std::vector<mail>& ordered);

} // namespace mailer
