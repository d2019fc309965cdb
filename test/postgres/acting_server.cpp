#include "postgres/acting_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace eventstore::test {

namespace {

void check_acting(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("acting server: ") + what + ": " + std::strerror(errno));
}

std::string number_in_bytes(std::uint64_t value, int bytes) {
    std::string out;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
    return out;
}

std::uint64_t number_from_bytes(std::string_view from) {
    std::uint64_t value = 0;
    for (const char c : from) value = value << 8 | static_cast<unsigned char>(c);
    return value;
}

} // namespace

/// A connection, as the server sees it.
class acting_server::client {
public:
    client(acting_server& owner, int accepted) : socket(accepted), owner_(owner) {}
    ~client() { ::close(socket); }

    /// Reads what has come, and answers. False when the connection ends.
    bool receive() {
        char buffer[4096];
        const ssize_t count = ::recv(socket, buffer, sizeof buffer, 0);
        if (count <= 0) return false;
        in_.append(buffer, static_cast<std::size_t>(count));
        while (!is_silent_) {
            const std::size_t head = has_begun_ ? 1 : 0; // the first message has no type
            if (in_.size() < head + 4) return true;
            const auto length = number_from_bytes(std::string_view(in_).substr(head, 4));
            if (in_.size() < head + length) return true;
            const char type = has_begun_ ? in_[0] : '\0';
            const std::string body = in_.substr(head + 4, length - 4);
            in_.erase(0, head + length);
            if (!answer(type, body)) return false;
        }
        return true;
    }

    const int socket;

private:
    bool answer(char type, std::string_view body) {
        if (!std::exchange(has_begun_, true)) {
            say('R', number_in_bytes(0, 4)); // welcome, without a password
            for (const auto& [name, value] :
                {std::pair("server_version", "15.0"), std::pair("client_encoding", "UTF8")})
                say('S', std::string(name) + '\0' + value + '\0');
            say('Z', "I");
            return flush();
        }
        if (type == 'X') return false;
        if (type == 'Q') {
            say('C', std::string_view("SET", 4));
            say('Z', "I");
            return flush();
        }
        if (type == 'S') return end_transaction();
        if (is_aborted_) return true;
        switch (type) {
        case 'P': return prepare(word(body));
        case 'B': return bind(body);
        case 'D':
            say('T',
                number_in_bytes(1, 2) + std::string("n\0", 2) + number_in_bytes(0, 6) + number_in_bytes(20, 4) +
                    number_in_bytes(8, 2) + number_in_bytes(0xffffffff, 4) + number_in_bytes(1, 2));
            return true;
        case 'E': return execute();
        default: return true;
        }
    }

    bool prepare(const std::string& name) {
        return ends(
            [&] {
                prepared_.insert(name);
                say('1', {});
            },
            owner_.next(owner_.preparations_, owner_.script_.preparation), "42601");
    }

    bool bind(std::string_view body) {
        body.remove_prefix(word(body).size() + 1); // the portal
        const std::string name = word(body);
        if (!prepared_.contains(name)) {
            refuse("26000");
            return true;
        }
        body.remove_prefix(name.size() + 1);
        const auto formats = number_from_bytes(body.substr(0, 2));
        body.remove_prefix(2 + 2 * formats + 2 + 4); // and how many parameters, and the length of the first
        number_ = static_cast<std::int64_t>(number_from_bytes(body.substr(0, 8)));
        say('2', {});
        return true;
    }

    bool execute() {
        const std::function<turn(int)> which = [this](int k) {
            return owner_.script_.statement ? owner_.script_.statement(k, number_) : turn::carry_out;
        };
        return ends(
            [&] {
                say('D',
                    number_in_bytes(1, 2) + number_in_bytes(8, 4) +
                        number_in_bytes(static_cast<std::uint64_t>(number_), 8));
                say('C', std::string_view("SELECT 1", 9));
                changes_.push_back(number_);
            },
            owner_.next(owner_.statements_, which), "P0001");
    }

    bool end_transaction() {
        const bool is_aborted = std::exchange(is_aborted_, false);
        const auto changes = std::exchange(changes_, {});
        const turn how = is_aborted ? turn::carry_out : owner_.next(owner_.commits_, owner_.script_.commit);
        const bool goes_on = ends(
            [&] {
                if (is_aborted) return;
                const std::lock_guard lock(owner_.mutex_);
                for (const std::int64_t each : changes) ++owner_.committed_[each];
            },
            how, "P0002");
        is_aborted_ = false;
        if (!goes_on || is_silent_) return goes_on;
        pollfd more{socket, POLLIN, 0};
        if (!in_.empty() || ::poll(&more, 1, 2) > 0) owner_.was_ahead_ = true;
        say('Z', "I");
        return flush();
    }

    template <class Work>
    bool ends(const Work& work, turn how, const char* state) {
        switch (how) {
        case turn::carry_out: work(); return true;
        case turn::refuse: refuse(state); return true;
        case turn::hang_up: flush(); return false;
        case turn::hang_up_after:
            work();
            flush();
            return false;
        case turn::fall_silent: is_silent_ = true; return true;
        case turn::fall_silent_after:
            work();
            is_silent_ = true;
            return flush();
        }
        return true;
    }

    void refuse(const char* state) {
        is_aborted_ = true;
        changes_.clear();
        std::string fields;
        for (const std::string& each : {std::string("SERROR"), std::string("VERROR"), std::string("C") + state,
                 std::string("Mas the script says"), std::string()})
            fields += each + '\0';
        say('E', fields);
    }

    void say(char type, std::string_view body) {
        out_ += type;
        out_ += number_in_bytes(body.size() + 4, 4);
        out_ += body;
    }

    bool flush() {
        const std::string all = std::exchange(out_, {});
        return ::send(socket, all.data(), all.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(all.size());
    }

    static std::string word(std::string_view from) { return std::string(from.substr(0, from.find('\0'))); }

    acting_server& owner_;
    std::string in_;
    std::string out_; // sent at the end of each transaction
    bool has_begun_ = false;
    bool is_aborted_ = false;
    bool is_silent_ = false;
    std::set<std::string> prepared_;
    std::int64_t number_ = 0;
    std::vector<std::int64_t> changes_;
};

acting_server::acting_server() {
    std::string pattern = (std::filesystem::temp_directory_path() / "acting-XXXXXX").string();
    check_acting(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    folder_ = pattern;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/.s.PGSQL.5432";
    check_acting(path.size() < sizeof address.sun_path, "the path of the socket is too long");
    path.copy(address.sun_path, path.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check_acting(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    check_acting(::listen(listener_, 16) == 0, "listen");
    check_acting(::pipe2(wake_, O_CLOEXEC) == 0, "pipe2");
    thread_ = std::thread([this] { serve(); });
}

acting_server::~acting_server() {
    ::close(wake_[1]);
    thread_.join();
    ::close(wake_[0]);
    ::close(listener_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void acting_server::serve() {
    std::list<client> clients;
    for (;;) {
        std::vector<pollfd> all{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const client& each : clients) all.push_back({each.socket, POLLIN, 0});
        if (::poll(all.data(), all.size(), -1) < 0) continue;
        if (all[0].revents != 0) return;
        std::size_t i = 2;
        for (auto each = clients.begin(); each != clients.end(); ++i) {
            const bool stays = all[i].revents == 0 || each->receive();
            each = stays ? std::next(each) : clients.erase(each);
        }
        if (all[1].revents != 0) {
            const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (socket >= 0) {
                ++connections_;
                clients.emplace_back(*this, socket);
            }
        }
    }
}

acting_server::turn acting_server::next(int& count, const std::function<turn(int)>& which) {
    const std::lock_guard lock(mutex_);
    const int k = count++;
    return which ? which(k) : turn::carry_out;
}

void acting_server::play(script how) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(how);
    preparations_ = statements_ = commits_ = 0;
}

int acting_server::committed(std::int64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto known = committed_.find(number);
    return known == committed_.end() ? 0 : known->second;
}

} // namespace eventstore::test
