#include "postgres/scripted_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace eventstore::test {

namespace {

void check_scripted(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("scripted server: ") + what + ": " + std::strerror(errno));
}

/// libpq looks for a socket of this name in the folder that is given as the host.
sockaddr_un address_in(const std::string& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder + "/.s.PGSQL.5432";
    check_scripted(path.size() < sizeof address.sun_path, "the path of the socket is too long");
    path.copy(address.sun_path, path.size());
    return address;
}

} // namespace

scripted_server::scripted_server() : connection_(nullptr, &PQfinish) {
    std::string pattern = (std::filesystem::temp_directory_path() / "scripted-XXXXXX").string();
    check_scripted(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    folder_ = pattern;
    const sockaddr_un address = address_in(folder_);
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_scripted(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    check_scripted(::listen(listener_, 1) == 0, "listen");

    const char* const keywords[] = {
        "host", "port", "user", "dbname", "sslmode", "gssencmode", "target_session_attrs", "options", nullptr};
    const char* const values[] = {folder_.c_str(), "5432", "test", "test", "disable", "disable", "any", "", nullptr};
    connection_.reset(PQconnectStartParams(keywords, values, 0));
    socket_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    check_scripted(socket_ >= 0, "accept");
    say('R', std::string_view("\0\0\0\0", 4)); // welcome, without a password
    say('Z', "I");                             // ready, outside of a transaction

    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection_.get())) {
        check_scripted(state != PGRES_POLLING_FAILED, PQerrorMessage(connection_.get()));
        pollfd one{
            PQsocket(connection_.get()), static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
        check_scripted(::poll(&one, 1, 10'000) == 1, "libpq does not get on");
    }
}

scripted_server::~scripted_server() {
    connection_.reset();
    if (socket_ >= 0) ::close(socket_);
    ::close(listener_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

postgres::answer scripted_server::error(const fields& what) {
    std::string body;
    for (const auto& [code, text] : what) {
        body += code;
        body += text;
        body += '\0';
    }
    body += '\0';
    say('E', body); // before the question: nobody has to wait for anybody
    say('Z', "I");
    return postgres::answer(PQexec(connection_.get(), "select"));
}

void scripted_server::hang_up() {
    ::close(std::exchange(socket_, -1));
    PQclear(PQexec(connection_.get(), "select"));
}

void scripted_server::say(char type, std::string_view body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 4);
    std::string message{type};
    for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(length >> shift & 0xff);
    message += body;
    check_scripted(
        ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(message.size()), "send");
}

} // namespace eventstore::test
