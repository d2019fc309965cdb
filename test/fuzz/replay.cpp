// Runs a fuzz target without a fuzzer: with each file of its corpus, and with random changes of it. Its arguments are the
// corpus, and how many changes of each file; the changes are the same in each run.
#include "fuzz/fuzz_input.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

void run(const std::string& bytes) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void change(std::string& bytes, std::mt19937& random) {
    const auto place = [&] { return bytes.empty() ? std::size_t{0} : random() % bytes.size(); };
    switch (random() % 5) {
    case 0:
        if (!bytes.empty()) bytes[place()] = static_cast<char>(random());
        break;
    case 1: bytes.insert(place(), 1 + random() % 4, static_cast<char>(random())); break;
    case 2: bytes.erase(place(), 1 + random() % 8); break;
    case 3: bytes.insert(place(), bytes.substr(place(), random() % 32)); break;
    default:
        if (!bytes.empty()) bytes[place()] ^= static_cast<char>(1U << random() % 8);
    }
}

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry.path());
    std::ranges::sort(files); // else two runs differ
    return files;
}

} // namespace

int main(int count, char* words[]) {
    if (count != 3) {
        std::fputs("usage: PROGRAM CORPUS CHANGES\n", stderr);
        return 2;
    }
    const int changes = std::atoi(words[2]);
    std::size_t runs = 0;
    for (const fs::path& file : files_in(words[1])) {
        std::ifstream in(file, std::ios::binary);
        const std::string bytes(std::istreambuf_iterator<char>(in), {});
        std::mt19937 random(static_cast<unsigned>(bytes.size()));
        run(bytes);
        for (int i = 0; i < changes; ++i) {
            std::string changed = bytes;
            for (auto left = 1 + random() % 6; left > 0; --left) change(changed, random);
            run(changed);
        }
        runs += 1 + static_cast<std::size_t>(changes);
    }
    std::printf("%zu runs\n", runs);
    return runs > 0 ? 0 : 1;
}
