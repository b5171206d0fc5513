#include "tests/system/harness/cluster.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

constexpr milliseconds command_patience{20'000};

std::filesystem::path fresh_folder() {
  std::string name = testing::TempDir() + "hedgerow-" + std::string(6, 'X');
  if (mkdtemp(name.data()) == nullptr) std::abort();
  return name;
}

}  // namespace

outcome run_program(const arguments& all) {
  process_setup with;
  with.arguments = all;
  return run_program(std::move(with));
}

outcome run_program(process_setup with) {
  outcome result;
  process program{std::move(with)};
  result.code = program.wait_exit(command_patience).value_or(-1);
  program.finish_reading();
  result.out = program.out();
  result.err = program.err();
  return result;
}

outcome run_command(const arguments& given, std::optional<std::string> input,
                    const std::map<std::string, std::string>& environment) {
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND};
  with.arguments.insert(with.arguments.end(), given.begin(), given.end());
  with.input = std::move(input);
  with.environment = environment;
  return run_program(std::move(with));
}

cluster::cluster(std::string lease, std::string store, arguments more)
    : folder_{fresh_folder()},
      lease_{std::move(lease)},
      store_{std::move(store)},
      more_{std::move(more)} {}

cluster::~cluster() {
  if (testing::Test::HasFailure()) std::fputs(told().c_str(), stderr);
  agents_.clear();
  others_.clear();
  std::filesystem::remove_all(folder_);
}

process_setup cluster::agent_setup(const std::string& name, const arguments& more) const {
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND, "agent",   "--json", "--name",      name,   "--store",
                    store(),          "--lease", lease_,   "--log-level", "debug"};
  with.arguments.insert(with.arguments.end(), more_.begin(), more_.end());
  with.arguments.insert(with.arguments.end(), more.begin(), more.end());
  return with;
}

agent& cluster::start_with(const std::string& name, process_setup with) {
  if (agents_.count(name) != 0) forget(name);
  return *(agents_[name] = std::make_unique<agent>(name, std::move(with)));
}

agent& cluster::start(const std::string& name, const arguments& more) {
  return start_with(name, agent_setup(name, more));
}

agent& cluster::watch() {
  process_setup with;
  with.arguments = {HEDGEROW_COMMAND, "watch", "--json", "--store", store()};
  others_.push_back(std::make_unique<agent>("watch", std::move(with)));
  return *others_.back();
}

void cluster::forget(const std::string& name) {
  others_.push_back(std::move(agents_.at(name)));
  agents_.erase(name);
}

void cluster::kill(const std::string& name) {
  agents_.at(name)->itself().signal(SIGKILL);
  forget(name);
}

void cluster::freeze(agent& victim) {
  store_connection store_of_mine{store()};
  for (int tries = 0; tries < 20; ++tries) {
    victim.itself().signal(SIGSTOP);
    if (store_of_mine.writable()) return;
    victim.itself().signal(SIGCONT);
  }
  ADD_FAILURE() << victim.name() << " seems always to hold the lock";
}

bool cluster::wait_formed(milliseconds patience) {
  return wait_for(
      [this] {
        if (leader() == nullptr || !leader()->all_up()) return false;
        const auto& [first_name, first] = *agents_.begin();
        std::vector<std::string> names = first->members();
        std::sort(names.begin(), names.end());
        return names.size() == agents_.size() &&
               std::all_of(agents_.begin(), agents_.end(), [&](const auto& entry) {
                 return std::binary_search(names.begin(), names.end(), entry.first) &&
                        entry.second->view_id() == first->view_id() &&
                        !entry.second->address().empty();
               });
      },
      patience);
}

agent* cluster::leader() {
  agent* found = nullptr;
  for (const auto& [name, one] : agents_) {
    if (!one->leads()) continue;
    if (found != nullptr) return nullptr;
    found = one.get();
  }
  return found;
}

agent* cluster::some_follower() {
  for (const auto& [name, one] : agents_) {
    if (!one->leads()) return one.get();
  }
  return nullptr;
}

std::vector<agent*> cluster::agents() {
  std::vector<agent*> all;
  for (const auto& [name, one] : agents_)
    all.push_back(one.get());
  return all;
}

std::vector<agent*> cluster::everybody() {
  std::vector<agent*> all = agents();
  for (const auto& one : others_)
    all.push_back(one.get());
  return all;
}

std::string cluster::told() {
  std::string text;
  const auto add = [&text](agent& one) {
    text += "---- " + one.name() + " told\n" + one.itself().out() + "---- " + one.name() +
            " logged\n" + one.itself().err();
  };
  for (const auto& [name, one] : agents_)
    add(*one);
  for (const auto& one : others_)
    add(*one);
  return text;
}

outcome cluster::run(const arguments& given, std::optional<std::string> input) const {
  arguments all = given;
  all.insert(all.begin() + 1, {"--store", store()});  // a later "--" ends the options
  return run_command(all, std::move(input));
}

}  // namespace hedgerow::system_test
