#include "tests/system/harness/clockbound.h"

#include <fstream>
#include <utility>

#include <unistd.h>

namespace hedgerow::system_test {
namespace {

const std::filesystem::path program = HEDGEROW_CLOCKBOUND;

std::filesystem::path fresh_run(const std::filesystem::path& folder) {
  const auto run = folder / "run";
  std::filesystem::create_directories(run);
  return run;
}

}  // namespace

std::string clockbound::unavailable() {
  if (!std::filesystem::exists(program)) {
    std::ifstream why{program.parent_path().parent_path() / "why.txt"};
    std::string words;
    if (!std::getline(why, words)) words = "scripts/clockbound.py has not built it yet";
    return words;
  }
  if (geteuid() != 0) return "a mount namespace for ClockBound's paths needs root";
  return {};
}

clockbound::clockbound(const std::filesystem::path& folder, std::vector<std::string> options)
    : run_folder_(fresh_run(folder)), options_(std::move(options)), time_(folder, run_folder_) {
  start();
}

void clockbound::start() {
  kill();
  process_setup with;
  with.arguments = {program};
  with.arguments.insert(with.arguments.end(), options_.begin(), options_.end());
  with.run_folder = run_folder_;
  daemon_ = std::make_unique<process>(std::move(with));
}

std::string clockbound::told() const {
  return time_.told() + (daemon_ ? daemon_->out() + daemon_->err() : "");
}

}  // namespace hedgerow::system_test
