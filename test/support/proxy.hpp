// A network that misbehaves: stands between the library and the server, and loses or holds back what a test says.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace eventstore::test {

/// Runs on a thread of its own. A call has taken effect when it returns.
class proxy {
public:
    /// \param url of the server to stand before
    explicit proxy(const std::string& url);
    ~proxy();

    /// Leads to the server through the proxy.
    const std::string& url() const noexcept { return url_; }

    /// What the server answers from now on is kept, and passed on by pass_answers().
    void hold_answers();
    void pass_answers();

    /// Of the next bytes that a client sends, and that contain `text`, the last `count` are lost, and so is all that this
    /// client sends after them.
    void lose_last(std::size_t count, const std::string& text = "");
    /// Whether that has happened, and to what bytes.
    std::string lost();
    /// The next `times` connections on which a client sends `text` are cut, before the server has it.
    void cut_at(const std::string& text, int times);

    /// Nothing gets through in either direction, and nobody is told; until heal().
    void go_silent();
    /// Nobody is listening any more, and all connections are cut; until heal().
    void go_down();
    /// As new, for connections made from now on. Those that went silent stay silent.
    void heal();
    /// All connections are cut, at both ends.
    void cut();

    std::size_t connections();

private:
    class impl;
    std::shared_ptr<impl> impl_;
    std::string url_;
};

} // namespace eventstore::test
