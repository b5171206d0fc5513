#pragma once
// The streams of one node or client, on its loop: from the engine to their cells, and back.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <hedgerow/stream.h>

#include "net/event_loop.h"
#include "node/engine/stream_desk.h"
#include "node/stream_cell.h"

namespace hedgerow {

class stream_hub final : public engine::stream_listener {
 public:
  struct setup {
    net::event_loop& loop;
    std::size_t message_bytes_max = 0;
    std::string name;
    // Of a node: what to do with streams to the leader, and to members.
    stream_handler to_leader;
    stream_handler to_member;
    unsigned threads = 0;  // of handlers that block; each connection gets a share of them
    std::function<bool(fencing_token)> may_act;
  };

  explicit stream_hub(setup with);
  ~stream_hub() override { close(); }
  stream_hub(const stream_hub&) = delete;
  stream_hub& operator=(const stream_hub&) = delete;

  // Before the loop runs. The engine is made after its listener.
  void attach(engine::stream_user& to) { engine_ = &to; }

  // Thread-safe. From here on no stream is opened. Before the loop is told to stop, so that it has
  // seen all others.
  void refuse();
  // The loop runs no more. Ends what has not ended, and waits half a second for handlers to return;
  // one that goes on is left to itself.
  void close();

  // Thread-safe, also after close(). `to` empty: to the leader. Errors: invalid_argument, stopped.
  result<stream> open(const stream_options& how, const std::optional<core::target>& to);
  result<std::vector<member_stream>> open_to(const stream_options& how,
                                             const std::vector<member>& members);

  // Thread-safe.
  bool on_loop() const { return with_.loop.on_loop_thread(); }
  // Of a cell: something waits to be taken.
  void on_news(std::shared_ptr<stream::cell> of);

  void on_stream_offered(core::stream_id id, core::stream_offer&& what) override;
  void on_stream_open(core::stream_id id, const std::string& from, fencing_token token) override;
  void on_stream_messages(core::stream_id id, slice&& block, bool framed) override;
  void on_stream_finished(core::stream_id id) override;
  void on_stream_taken(core::stream_id id, std::size_t bytes) override;
  void on_stream_acknowledged(core::stream_id id, std::uint64_t messages) override;
  void on_stream_end(core::stream_id id, stream_end&& how) override;

 private:
  struct threads;

  // Runs a user's callback; what it wants of the engine is taken when it has returned.
  template <class Callback, class... Arguments>
  void call(const std::shared_ptr<stream::cell>& of, const Callback& callback,
            Arguments&&... arguments);
  std::shared_ptr<stream::cell> find(core::stream_id id) const;
  // False once it refuses.
  bool start(const std::shared_ptr<stream::cell>& of, core::stream_request&& what);
  void run(const std::shared_ptr<stream::cell>& of, const stream_handler& with,
           std::uint64_t connection);
  // For a thread of its own, which may outlive this.
  std::function<void()> run_handler(const std::shared_ptr<stream::cell>& of,
                                    const std::function<result<void>(stream&)>& handler,
                                    std::uint64_t connection) const;
  void take_news();
  void take_news_in_turn();
  void take_news(const std::shared_ptr<stream::cell>& of);
  void take_news_of(stream::cell& of);

  setup with_;
  engine::stream_user* engine_ = nullptr;
  std::shared_ptr<stream_gate> gate_ = std::make_shared<stream_gate>();
  std::shared_ptr<threads> threads_;
  std::unordered_map<core::stream_id, std::shared_ptr<stream::cell>> cells_;  // never walked
  std::vector<std::shared_ptr<stream::cell>> newsworthy_;
  bool taking_ = false;  // newsworthy_ will be looked at by who is on the stack, or by a post
  unsigned taken_in_turn_ = 0;
};

}  // namespace hedgerow
