// The process that sends the mails.
#pragma once

#include <filesystem>
#include <string>

namespace mailer {

/// Its place in the log: every worker goes on where the last one was.
constexpr const char* subscription_name = "mailer";

/// Sends a mail for each event of the streams with this prefix, until standard input ends.
void run_worker(const std::string& url, const std::string& prefix, const std::filesystem::path& outbox_file);

} // namespace mailer
