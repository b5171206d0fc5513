#include "bench/lib/group_stream.h"

#include <future>
#include <utility>

#include "bench/lib/die.h"

namespace hedgerow::bench {

namespace {

// Above it a message is handed over without a copy, as bytes that somebody keeps anyway.
constexpr std::size_t copied_bytes_max = 1024;

// What went in and what came out: both ends count, and must agree.
class tally {
 public:
  void add(std::size_t bytes) {
    ++messages_;
    bytes_ += bytes;
  }
  std::string text() const { return std::to_string(messages_) + " " + std::to_string(bytes_); }

 private:
  std::uint64_t messages_ = 0;
  std::uint64_t bytes_ = 0;
};

// All is touched on the node's loop alone, but for the start.
class writer {
 public:
  writer(int count, std::size_t bytes)
      : left_(count), message_(std::make_shared<std::string>(bytes, 'x')) {}

  clock::duration run(node& from) {
    stream_options how;
    how.events.on_open = [this](stream& s) { write(s); };
    how.events.on_writable = how.events.on_open;
    how.events.on_message = [this](stream&, std::string_view answer) { consumed_ = answer; };
    how.events.on_end = [this](stream&, const stream_end& end) {
      if (!end.outcome) die("the stream ended: " + end.outcome.error().message());
      ended_.set_value();
    };
    const auto start = clock::now();
    const auto opened = from.open_stream(how);
    if (!opened) die(opened.error().message());
    ended_.get_future().get();
    if (consumed_ != sent_.text()) die("messages of a stream were lost");
    return clock::now() - start;
  }

 private:
  result<bool> write_one(stream& s) const {
    if (message_->size() > copied_bytes_max) return s.try_write(message_);
    return s.try_write(std::string_view(*message_));
  }

  void write(stream& s) {
    while (left_ > 0) {
      const auto taken = write_one(s);
      if (!taken) die(taken.error().message());
      if (!*taken) return;
      sent_.add(message_->size());
      --left_;
    }
    s.finish();
  }

  int left_;
  const std::shared_ptr<const std::string> message_;
  tally sent_;
  std::string consumed_;
  std::promise<void> ended_;
};

}  // namespace

stream_handler counting_streams() {
  return stream_handler::non_blocking([](stream&) {
    const auto came = std::make_shared<tally>();
    stream_events on;
    on.on_message = [came](stream&, std::string_view m) { came->add(m.size()); };
    on.on_finished = [came](stream& s) {
      if (const auto told = s.try_write(came->text()); !told) die(told.error().message());
      s.finish();
    };
    return on;
  });
}

clock::duration pour(node& from, int count, std::size_t bytes) {
  return writer(count, bytes).run(from);
}

}  // namespace hedgerow::bench
