// embedded_owner [DATA_FOLDER]: runs an embedded server, says its url and its data folder (a line each), and waits for
// its own end, which the tests bring about.
#include <eventstore/embedded_postgres.hpp>

#include <unistd.h>

#include <exception>
#include <iostream>
#include <thread>

int main(int count, char* arguments[]) try {
    eventstore::embedded_postgres_options options;
    if (count > 1) options.data_folder(arguments[1]);

    // From a thread that is gone soon: the server belongs to the process.
    eventstore::embedded_postgres* server = nullptr;
    std::thread([&] {
        server = new eventstore::embedded_postgres(eventstore::embedded_postgres::start_now(options));
    }).join();
    std::cout << server->url() << '\n' << server->data_folder().string() << std::endl;

    const pid_t child = ::fork(); // another program that the owner started knows nothing of the server
    if (child == 0) {
        ::execlp("sleep", "sleep", "60", nullptr);
        ::_exit(127);
    }
    std::cout << child << std::endl;
    for (;;) ::pause();
} catch (const std::exception& e) {
    std::cout << "error: " << e.what() << std::endl;
    return 1;
}
