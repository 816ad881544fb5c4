// plait_peers SAMPLE [THREADS [CODEC...]]: codes a .safetensors file of one type with every codec, or those named,
// checks that each gives it back, and then runs on demand, so that a driver can let programs take turns.
//
// Prints one line of JSON: {"weight_bytes": N, "weights": N, "entrants": [{"codec", "task", "bits_per_weight"}],
// "skipped": [{"codec", "reason"}]}; copies have no bits. Then, for each line "CODEC: TASK" of stdin, runs that once
// and prints its seconds: CPU time of this process for one thread, else wall time. Memory has been touched before.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/micro/copies.h"
#include "bench/peers/sample_codec.h"
#include "codec/base/bits.h"
#include "codec/base/status.h"

namespace plait {
namespace {

constexpr size_t kCopyAlignment = 256;

using Copy = void (*)(std::span<const uint8_t> from, std::span<uint8_t> to);

void PlainCopy(std::span<const uint8_t> from, std::span<uint8_t> to) {
  std::memcpy(to.data(), from.data(), from.size());
}

double Now(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Server {
 public:
  Server(Sample sample, size_t threads, std::vector<std::string> wanted)
      : sample_(std::move(sample)), threads_(threads), wanted_(std::move(wanted)), out_(sample_.bytes().size()) {}

  absl::Status Prepare() {
    AddCopy("memcpy", PlainCopy);
    AddCopy("streaming copy", StreamingCopy);
    for (const CodecEntry& entry : PlaitCodecs(threads_)) PLAIT_RETURN_IF_ERROR(AddCodec(entry));
    if (threads_ > 1) return absl::OkStatus();
    for (const CodecEntry& entry : PlaneCodecs()) PLAIT_RETURN_IF_ERROR(AddCodec(entry));
    for (const CodecEntry& entry : LzCodecs()) PLAIT_RETURN_IF_ERROR(AddCodec(entry));
    return absl::OkStatus();
  }

  void Greet() const {
    const nlohmann::json hello = {{"weight_bytes", sample_.weight_bytes},
                                  {"weights", sample_.weight_bytes / sample_.element_bytes()},
                                  {"entrants", entrants_},
                                  {"skipped", skipped_}};
    std::cout << hello.dump() << std::endl;
  }

  absl::Status Serve() {
    for (std::string line; std::getline(std::cin, line);) {
      const auto run = runs_.find(line);
      if (run == runs_.end()) return absl::NotFoundError(absl::StrCat("no such entrant: ", line));
      const clockid_t clock = threads_ == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
      const double begin = Now(clock);
      PLAIT_RETURN_IF_ERROR(run->second());
      const double end = Now(clock);
      std::printf("%.9f\n", end - begin);
      std::fflush(stdout);
    }
    return absl::OkStatus();
  }

 private:
  using Run = std::function<absl::Status()>;

  bool IsWanted(const std::string& codec) const {
    return wanted_.empty() || std::ranges::find(wanted_, codec) != wanted_.end();
  }

  void Add(const std::string& codec, const std::string& task, double bits_per_weight, Run run) {
    nlohmann::json entrant = {{"codec", codec}, {"task", task}};
    if (bits_per_weight != 0) entrant["bits_per_weight"] = bits_per_weight;
    entrants_.push_back(std::move(entrant));
    runs_[absl::StrCat(codec, ": ", task)] = std::move(run);
  }

  void AddCopy(const std::string& name, Copy copy) {
    if (!IsWanted(name)) return;
    Add(name, "copy", 0, [this, copy] {
      const size_t part = AlignUp(CeilDiv<size_t>(out_.span().size(), threads_), kCopyAlignment);
      const auto work = [&](size_t begin) {
        const size_t bytes = std::min(part, out_.span().size() - begin);
        copy(sample_.bytes().subspan(begin, bytes), out_.span().subspan(begin, bytes));
      };
      std::vector<std::thread> others;
      for (size_t begin = part; begin < out_.span().size(); begin += part) others.emplace_back(work, begin);
      work(0);
      for (std::thread& other : others) other.join();
      return absl::OkStatus();
    });
  }

  // A codec that gives other bytes back ends the program: nothing it would say can be trusted.
  absl::Status AddCodec(const CodecEntry& entry) {
    if (!IsWanted(entry.name)) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<SampleCodec>> made = entry.make(&sample_);
    if (!made.ok()) {
      skipped_.push_back({{"codec", entry.name}, {"reason", std::string(made.status().message())}});
      return absl::OkStatus();
    }
    codecs_.push_back(*std::move(made));
    SampleCodec* codec = codecs_.back().get();
    const Run encode = [codec] { return codec->Encode(); };
    const Run decode = [this, codec] { return codec->Decode(out_.span()); };
    const Run decode_checked = [this, codec] { return codec->DecodeChecked(out_.span()); };
    PLAIT_RETURN_IF_ERROR(encode());
    const double bits = 8.0 * static_cast<double>(codec->coded_bytes()) * static_cast<double>(sample_.element_bytes()) /
                        static_cast<double>(sample_.weight_bytes);
    PLAIT_RETURN_IF_ERROR(CheckGivesBack(entry.name, decode));
    Add(entry.name, "decode", bits, decode);
    if (codec->has_checks()) {
      PLAIT_RETURN_IF_ERROR(CheckGivesBack(entry.name, decode_checked));
      Add(entry.name, "decode, checked", bits, decode_checked);
    }
    if (threads_ == 1) Add(entry.name, "encode", bits, encode);
    return absl::OkStatus();
  }

  absl::Status CheckGivesBack(const std::string& codec, const Run& decode) {
    std::ranges::fill(out_.span(), uint8_t{0});
    PLAIT_RETURN_IF_ERROR(Annotate(decode(), codec));
    if (std::ranges::equal(out_.span(), sample_.bytes())) return absl::OkStatus();
    return absl::InternalError(absl::StrCat(codec, " does not give the sample back"));
  }

  Sample sample_;
  size_t threads_;
  std::vector<std::string> wanted_;
  Buffer out_;
  std::vector<std::unique_ptr<SampleCodec>> codecs_;
  std::map<std::string, Run> runs_;
  nlohmann::json entrants_ = nlohmann::json::array();
  nlohmann::json skipped_ = nlohmann::json::array();
};

absl::Status Main(std::span<char*> args) {
  if (args.size() < 2) return absl::InvalidArgumentError("usage: plait_peers SAMPLE [THREADS [CODEC...]]");
  const size_t threads = args.size() > 2 ? std::max(1, std::atoi(args[2])) : 1;
  PLAIT_ASSIGN_OR_RETURN(Sample sample, LoadSample(args[1]));
  Server server(std::move(sample), threads, {args.begin() + std::min<ptrdiff_t>(3, std::ssize(args)), args.end()});
  PLAIT_RETURN_IF_ERROR(server.Prepare());
  server.Greet();
  return server.Serve();
}

}  // namespace
}  // namespace plait

int main(int argc, char** argv) {
  const absl::Status status = plait::Main({argv, static_cast<size_t>(argc)});
  if (status.ok()) return 0;
  std::cerr << "plait_peers: " << status.message() << "\n";
  return 1;
}
