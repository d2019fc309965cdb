// tls_front SOCKET: ends TLS in front of the PostgreSQL that listens at this Unix socket, as poolers and load balancers
// do. Prints the port on 127.0.0.1 at which it listens itself, and goes on until its input ends. What the server sends at
// once is sent on at once, so that the last records are full (16 kB): clients must not wait for their socket while OpenSSL
// holds what came.
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace {

constexpr std::size_t largest_record = 16'384;
constexpr int quiet_milliseconds = 1; // after it an answer counts as whole

struct release {
    void operator()(SSL* each) const noexcept { SSL_free(each); }
    void operator()(SSL_CTX* each) const noexcept { SSL_CTX_free(each); }
    void operator()(EVP_PKEY* each) const noexcept { EVP_PKEY_free(each); }
    void operator()(X509* each) const noexcept { X509_free(each); }
};

class file {
public:
    explicit file(int number) : number_(number) {
        if (number < 0) throw std::runtime_error(std::string("no socket: ") + std::strerror(errno));
    }
    file(file&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    ~file() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const noexcept { return number_; }

private:
    int number_;
};

/// A certificate of this program's own, that nobody has to trust: the clients ask for sslmode=require.
std::unique_ptr<SSL_CTX, release> make_context() {
    std::unique_ptr<SSL_CTX, release> context(SSL_CTX_new(TLS_server_method()));
    const std::unique_ptr<EVP_PKEY, release> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, release> certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3'600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0 ||
        SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1)
        throw std::runtime_error("no certificate can be made");
    return context;
}

file connect_to(const std::string& path) {
    file server(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    if (path.size() >= sizeof where.sun_path) throw std::runtime_error("too long a path: " + path);
    std::memcpy(where.sun_path, path.c_str(), path.size());
    if (::connect(server.number(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
        throw std::runtime_error(path + ": " + std::strerror(errno));
    return server;
}

bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

/// Refuses GSS, and says yes to TLS.
bool agree(int client) {
    constexpr std::string_view gss("\x04\xd2\x16\x30", 4);
    constexpr std::string_view tls("\x04\xd2\x16\x2f", 4);
    while (true) {
        std::array<char, 8> asked{};
        if (::recv(client, asked.data(), asked.size(), MSG_WAITALL) != ssize_t(asked.size())) return false;
        const std::string_view what(asked.data() + 4, 4);
        if (what != gss && what != tls) return false;
        if (!send_all(client, what == gss ? "N" : "S")) return false;
        if (what == tls) return true;
    }
}

class conversation {
public:
    conversation(SSL_CTX* context, file client, file server)
        : client_(std::move(client)),
          server_(std::move(server)),
          tls_(SSL_new(context)),
          coming_(BIO_new(BIO_s_mem())),
          going_(BIO_new(BIO_s_mem())) {
        SSL_set_bio(tls_.get(), coming_, going_);
        SSL_set_accept_state(tls_.get());
    }

    void run() {
        std::array<pollfd, 2> both = {pollfd{client_.number(), POLLIN, 0}, pollfd{server_.number(), POLLIN, 0}};
        while (::poll(both.data(), both.size(), -1) > 0 || errno == EINTR) {
            if (both[0].revents != 0 && !from_client()) return;
            if (both[1].revents != 0 && !from_server()) return;
        }
    }

private:
    bool from_client() {
        const ssize_t size = ::recv(client_.number(), buffer_.data(), buffer_.size(), 0);
        if (size <= 0) return false;
        BIO_write(coming_, buffer_.data(), static_cast<int>(size));
        while (true) {
            const int plain = SSL_read(tls_.get(), buffer_.data(), static_cast<int>(buffer_.size()));
            if (plain > 0) {
                if (!send_all(server_.number(), {buffer_.data(), static_cast<std::size_t>(plain)})) return false;
                continue;
            }
            return SSL_get_error(tls_.get(), plain) == SSL_ERROR_WANT_READ && flush();
        }
    }

    bool from_server() {
        std::string answer;
        pollfd more{server_.number(), POLLIN, 0};
        do {
            const ssize_t size = ::recv(server_.number(), buffer_.data(), buffer_.size(), 0);
            if (size <= 0) break;
            answer.append(buffer_.data(), static_cast<std::size_t>(size));
        } while (answer.size() < buffer_.size() && ::poll(&more, 1, quiet_milliseconds) > 0);
        if (answer.empty()) return false;
        // The odd bytes come first.
        std::string_view rest = answer;
        for (std::size_t next = rest.size() % largest_record; !rest.empty(); next = largest_record) {
            if (next == 0) continue;
            if (SSL_write(tls_.get(), rest.data(), static_cast<int>(next)) <= 0) return false;
            rest.remove_prefix(next);
        }
        return flush();
    }

    bool flush() {
        char* bytes = nullptr;
        const long size = BIO_get_mem_data(going_, &bytes);
        const bool sent = send_all(client_.number(), {bytes, static_cast<std::size_t>(size)});
        BIO_reset(going_);
        return sent;
    }

    file client_;
    file server_;
    std::unique_ptr<SSL, release> tls_;
    BIO* coming_; // both belong to tls_
    BIO* going_;
    std::array<char, 131'072> buffer_{};
};

void serve(SSL_CTX* context, file client, const std::string& path) try {
    if (!agree(client.number())) return;
    conversation each(context, std::move(client), connect_to(path));
    each.run();
} catch (const std::exception& e) {
    std::cerr << "tls_front: " << e.what() << '\n';
}

} // namespace

int main(int count, char* arguments[]) try {
    if (count != 2) {
        std::cerr << "usage: tls_front SOCKET\n";
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    const std::string path = arguments[1];
    const auto context = make_context();

    const file listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    auto* const address = reinterpret_cast<sockaddr*>(&where);
    if (::bind(listening.number(), address, size) != 0 || ::listen(listening.number(), 128) != 0 ||
        ::getsockname(listening.number(), address, &size) != 0)
        throw std::runtime_error(std::string("cannot listen: ") + std::strerror(errno));
    std::cout << ntohs(where.sin_port) << std::endl;

    std::array<pollfd, 2> both = {pollfd{listening.number(), POLLIN, 0}, pollfd{STDIN_FILENO, POLLIN, 0}};
    while (::poll(both.data(), both.size(), -1) > 0 || errno == EINTR) {
        if (both[1].revents != 0) std::_Exit(0); // with all conversations
        const int client = ::accept4(listening.number(), nullptr, nullptr, SOCK_CLOEXEC);
        if (client >= 0) std::thread(serve, context.get(), file(client), path).detach();
    }
    return 1;
} catch (const std::exception& e) {
    std::cerr << "tls_front: " << e.what() << '\n';
    return 1;
}
