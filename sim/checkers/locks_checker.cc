#include "sim/checkers/locks_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace hedgerow::sim {

locks_checker::locks_checker(kernel& world, const clock_model& clocks, const lives& all,
                             std::uint32_t locks)
    : world_(world), lives_(all) {
  for (std::uint32_t i = 0; i < locks; ++i)
    acts_.push_back(
        std::make_unique<acts_checker>(world, clocks, fmt::format("lock {}: client ", i)));
}

void locks_checker::fail(const client& c, const std::string& text) {
  world_.violated("locks",
                  fmt::format("lock {}: client {} of p{} {}", c.lock, c.number, c.process, text));
}

void locks_checker::on_cell(const client& c, const engine::leadership_cell& cell) {
  acts_[c.lock]->on_cell(c.number, c.who, cell);
}

void locks_checker::on_act(const client& c, fencing_token token) {
  acts_[c.lock]->on_act(c.number, c.who, token);
}

void locks_checker::on_acquired(const client& c, fencing_token token, bool asked) {
  if (!asked) fail(c, fmt::format("acquired token {}, for which it did not ask", token));
  if (token <= over_[c.number])
    fail(c, fmt::format("took up token {} again, which was over", token));
  if (token <= last_token_[c.lock])
    fail(c, fmt::format("acquired token {} after {}", token, last_token_[c.lock]));
  last_token_[c.lock] = token;
  for (const auto& [number, b] : believes_) {
    if (b.who.lock != c.lock || number == c.number) continue;
    if (lives_.of(b.who.process).clean_since(b.since))
      fail(c, fmt::format("acquired token {} before client {} of p{} was told of its loss", token,
                          number, b.who.process));
  }
  believes_[c.number] = {c, world_.now};
}

void locks_checker::on_resumed(const client& c, fencing_token token) {
  if (token <= over_[c.number]) fail(c, fmt::format("resumed token {}, which was over", token));
  believes_[c.number] = {c, world_.now};
}

void locks_checker::on_over(const client& c, fencing_token token) {
  believes_.erase(c.number);
  over_[c.number] = std::max(over_[c.number], token);
}

void locks_checker::on_gone(const client& c) {
  believes_.erase(c.number);
  acts_[c.lock]->on_gone(c.number);
}

void locks_checker::settle() {
  for (const auto& one : acts_)
    one->settle();
}

}  // namespace hedgerow::sim
