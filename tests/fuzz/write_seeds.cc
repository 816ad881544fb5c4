// write_seeds FOLDER: FOLDER/FUZZER/NUMBER for every seed of every fuzzer.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/seeds.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_seeds FOLDER\n", stderr);
    return 2;
  }
  for (const auto& [name, seeds] : plait::FuzzSeeds()) {
    const std::filesystem::path folder = std::filesystem::path(argv[1]) / name;
    std::filesystem::create_directories(folder);
    for (size_t i = 0; i < seeds.size(); ++i) {
      std::ofstream file(folder / std::to_string(i), std::ios::binary);
      file.write(reinterpret_cast<const char*>(seeds[i].data()), std::ssize(seeds[i]));
    }
    std::printf("%s: %zu seeds\n", name.c_str(), seeds.size());
  }
  return 0;
}
