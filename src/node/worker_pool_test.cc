#include "node/worker_pool.h"

#include <future>
#include <stdexcept>

#include <gtest/gtest.h>

#include "clock/machine_clock.h"

namespace hedgerow {
namespace {

using message::reply_status;

constexpr std::size_t limit = 100;

struct silent final : ports::log {
  void write(severity, std::string_view) override {}
  bool wants(severity) const override { return false; }
};

// What becomes of a broadcast.
ports::job_result outcome_of(handler with, std::size_t payload_bytes_max = limit) {
  clock::machine_clock clock;
  silent log;
  std::promise<ports::job_result> answered;
  worker_pool pool({.on_message = {},
                    .on_broadcast = std::move(with),
                    .threads = 1,
                    .name = "ann",
                    .payload_bytes_max = payload_bytes_max,
                    .clock = &clock,
                    .log = &log,
                    .answer = [&](ports::job_id, ports::job_result outcome) {
                      answered.set_value(std::move(outcome));
                    }});
  const auto deadline = clock.now().boot + seconds(20);
  ports::job work{message::request_kind::broadcast, {}, 1, deadline, make_bytes("x")};
  auto outcome = pool.run(1, work);
  return outcome ? std::move(*outcome) : answered.get_future().get();
}

message_handler says(std::size_t size) {
  return [size](const message_view&) { return result<std::string>(std::string(size, 'a')); };
}

message_handler fails(std::size_t size) {
  return [size](const message_view&) -> result<std::string> {
    return fail(errc::handler_failed, std::string(size, 'e'));
  };
}

message_handler throws(std::size_t size) {
  return [size](const message_view&) -> result<std::string> {
    throw std::runtime_error(std::string(size, 'e'));
  };
}

TEST(worker_pool, takes_answers_up_to_the_limit_and_says_what_is_longer) {
  for (const auto kind : {handler::on_pool, handler::non_blocking}) {
    const auto longest = outcome_of(kind(says(limit)));
    EXPECT_EQ(longest.status, reply_status::ok);
    EXPECT_EQ(as_view(longest.payload), std::string(limit, 'a'));
    const auto over = outcome_of(kind(says(limit + 1)));
    EXPECT_EQ(over.status, reply_status::handler_failed);
    EXPECT_EQ(as_view(over.payload), "the answer has 101 bytes, the limit is 100");
  }
}

TEST(worker_pool, cuts_what_is_said_of_a_failure_to_what_can_be_sent) {
  for (const auto& handler_of : {fails, throws}) {
    const auto told = outcome_of(handler::on_pool(handler_of(100'000)), 1'000'000);
    EXPECT_EQ(told.status, reply_status::handler_failed);
    EXPECT_EQ(as_view(told.payload).size(), limits::error_text_bytes_max);
    EXPECT_EQ(as_view(outcome_of(handler::on_pool(handler_of(100'000))).payload).size(), limit);
  }
  const auto over = outcome_of(handler::on_pool(says(11)), 10);
  EXPECT_EQ(over.status, reply_status::handler_failed);
  EXPECT_EQ(as_view(over.payload), "the answer");
}

}  // namespace
}  // namespace hedgerow
