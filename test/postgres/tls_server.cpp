#include "postgres/tls_server.hpp"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <thread>

namespace eventstore::test {

namespace {

template <auto Free>
struct freed {
    template <class T>
    void operator()(T* what) const noexcept {
        Free(what);
    }
};
using tls_context = std::unique_ptr<SSL_CTX, freed<&SSL_CTX_free>>;
using tls_session = std::unique_ptr<SSL, freed<&SSL_free>>;

void check_tls(bool good, const char* what) {
    if (!good) throw std::runtime_error(std::string("TLS server: ") + what);
}

/// With a certificate of its own making.
tls_context make_context() {
    const std::unique_ptr<EVP_PKEY, freed<&EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
    const std::unique_ptr<X509, freed<&X509_free>> certificate(X509_new());
    check_tls(key && certificate, "no key");
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
        reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    check_tls(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0, "no certificate");
    tls_context context(SSL_CTX_new(TLS_server_method()));
    check_tls(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
            SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1,
        "no context");
    return context;
}

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[i]);
    return number;
}

/// Closes itself.
class socket_end {
public:
    explicit socket_end(int number) : number_(number) { check_tls(number >= 0, "no socket"); }
    ~socket_end() { ::close(number_); }
    socket_end(const socket_end&) = delete;
    socket_end& operator=(const socket_end&) = delete;

    int get() const noexcept { return number_; }
    void send(std::string_view bytes) const {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(number_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            check_tls(sent > 0, "the client is gone");
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

private:
    int number_;
};

} // namespace

std::string message_of(char type, std::string_view body) {
    const auto length = static_cast<std::uint32_t>(body.size() + 4);
    std::string message{type};
    for (const int shift : {24, 16, 8, 0}) message += static_cast<char>(length >> shift & 0xff);
    return message.append(body);
}

std::string notice_of(std::size_t bytes) {
    std::string body("SNOTICE\0VNOTICE\0C00000\0M", 24);
    constexpr std::size_t head = 5;
    constexpr std::size_t ends = 2;
    body.append(bytes - head - body.size() - ends, 'n').append(ends, '\0');
    return message_of('N', body);
}

class tls_server::impl {
public:
    impl(answer welcome, std::vector<answer> answers)
        : welcome_(std::move(welcome)),
          answers_(std::move(answers)),
          context_(make_context()),
          listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        check_tls(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                ::listen(listener_.get(), 5) == 0,
            "no port");
        socklen_t size = sizeof address;
        ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
        thread_ = std::jthread([this] { serve_all(); });
    }
    ~impl() { stopped_ = true; }

    int port() const noexcept { return port_; }

private:
    void serve_all() {
        while (!stopped_) {
            pollfd one{listener_.get(), POLLIN, 0};
            if (::poll(&one, 1, 20) < 1) continue;
            try {
                serve(socket_end(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
            } catch (const std::exception&) {
                // The client has what it needs, or its test fails.
            }
        }
    }

    void serve(const socket_end& client) {
        char question[8];
        check_tls(::recv(client.get(), question, sizeof question, MSG_WAITALL) == 8, "no question about TLS");
        client.send("S");
        const tls_session session(SSL_new(context_.get()));
        BIO* const in = BIO_new(BIO_s_mem());
        BIO* const out = BIO_new(BIO_s_mem());
        SSL_set_bio(session.get(), in, out);
        SSL_set_accept_state(session.get());

        std::string said; // by the client, and not answered yet
        std::size_t answered = 0;
        bool is_welcome = false;
        while (!stopped_) {
            pollfd one{client.get(), POLLIN, 0};
            if (::poll(&one, 1, 20) < 1) continue;
            char bytes[65'536];
            const ssize_t size = ::recv(client.get(), bytes, sizeof bytes, 0);
            if (size <= 0) return;
            BIO_write(in, bytes, static_cast<int>(size));
            if (SSL_is_init_finished(session.get()) == 0) SSL_do_handshake(session.get());
            for (int plain = 0; (plain = SSL_read(session.get(), bytes, sizeof bytes)) > 0;)
                said.append(bytes, static_cast<std::size_t>(plain));
            const std::size_t head = is_welcome ? 1 : 0;
            while (said.size() >= head + 4 && said.size() >= head + number_at(said, head)) {
                const char type = is_welcome ? said[0] : '\0';
                said.erase(0, head + number_at(said, head));
                if (!is_welcome) write(session.get(), welcome_);
                is_welcome = true;
                if ((type == 'Q' || type == 'S') && answered < answers_.size())
                    write(session.get(), answers_[answered++]);
                if (head == 0) break; // from here on messages have a type
            }
            std::string encrypted(BIO_ctrl_pending(out), '\0');
            BIO_read(out, encrypted.data(), static_cast<int>(encrypted.size()));
            client.send(encrypted);
        }
    }

    static void write(SSL* session, const answer& what) {
        std::string_view rest = what.bytes;
        for (const std::size_t each : what.records) {
            const std::string_view record = rest.substr(0, each);
            if (record.empty()) break;
            check_tls(SSL_write(session, record.data(), static_cast<int>(record.size())) > 0, "not written");
            rest.remove_prefix(record.size());
        }
        check_tls(rest.empty(), "the records do not hold the answer");
    }

    answer welcome_;
    std::vector<answer> answers_;
    tls_context context_;
    socket_end listener_;
    int port_ = 0;
    std::atomic<bool> stopped_ = false;
    std::jthread thread_;
};

tls_server::tls_server(answer welcome, std::vector<answer> answers)
    : impl_(std::make_unique<impl>(std::move(welcome), std::move(answers))) {}

tls_server::~tls_server() = default;

std::string tls_server::url() const {
    return "postgresql://test@127.0.0.1:" + std::to_string(impl_->port()) +
        "/test?sslmode=require&gssencmode=disable&target_session_attrs=any";
}

} // namespace eventstore::test
