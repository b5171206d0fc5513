#include "bench/lib/grpc_echo.h"

#include <atomic>
#include <future>
#include <string>

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include "bench/lib/bare_echo.h"
#include "bench/lib/die.h"
#include "bench/lib/yardstick.grpc.pb.h"

namespace hedgerow::bench {

using yardstick::Count;
using yardstick::Payload;
using yardstick::Yardstick;

const bool with_grpc = true;

namespace {

void check(const grpc::Status& status) {
  if (!status.ok()) die("gRPC: " + status.error_message());
}

class counting_reader final : public grpc::ServerReadReactor<Payload> {
 public:
  explicit counting_reader(Count* answer) : answer_(answer) { StartRead(&payload_); }

  void OnReadDone(bool ok) override {
    if (ok) {
      ++count_;
      StartRead(&payload_);
    } else {
      answer_->set_messages(count_);
      Finish(grpc::Status::OK);
    }
  }
  void OnDone() override { delete this; }

 private:
  Count* answer_;
  Payload payload_;
  std::uint64_t count_ = 0;
};

class service final : public Yardstick::CallbackService {
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context, const Payload* request,
                                 Payload* reply) override {
    reply->set_data(request->data());
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  grpc::ServerReadReactor<Payload>* Pour(grpc::CallbackServerContext* /*context*/,
                                         Count* answer) override {
    return new counting_reader(answer);
  }
};

// One unary call at a time; a window of 64 is 64 of these.
class chain {
 public:
  using finished = std::function<bool(clock::duration)>;  // of one call; whether to go on

  chain(Yardstick::Stub& stub, finished done) : stub_(stub), done_(std::move(done)) {
    request_.set_data(std::string(small_bytes, 'x'));
  }

  void next() {
    context_ = std::make_unique<grpc::ClientContext>();
    start_ = clock::now();
    stub_.async()->Echo(context_.get(), &request_, &reply_, [this](const grpc::Status& status) {
      check(status);
      if (done_(clock::now() - start_)) next();
    });
  }

 private:
  Yardstick::Stub& stub_;
  finished done_;
  std::unique_ptr<grpc::ClientContext> context_;
  Payload request_;
  Payload reply_;
  clock::time_point start_;
};

class pouring_writer final : public grpc::ClientWriteReactor<Payload> {
 public:
  pouring_writer(Yardstick::Stub& stub, int count, std::size_t bytes) : left_(count) {
    payload_.set_data(std::string(bytes, 'x'));
    stub.async()->Pour(&context_, &answer_, this);
    next();
    StartCall();
  }

  std::uint64_t wait() {
    done_.get_future().get();
    return answer_.messages();
  }

  void OnWriteDone(bool ok) override {
    if (!ok) die("gRPC: the stream broke");
    if (left_ > 0) next();
  }
  void OnDone(const grpc::Status& status) override {
    check(status);
    done_.set_value();
  }

 private:
  void next() {
    grpc::WriteOptions how;
    if (--left_ == 0) {
      StartWriteLast(&payload_, how);
    } else {
      StartWrite(&payload_, how.set_buffer_hint());
    }
  }

  int left_;
  Payload payload_;
  Count answer_;
  grpc::ClientContext context_;
  std::promise<void> done_;
};

}  // namespace

void serve_grpc(const notice& port) {
  service what;
  grpc::ServerBuilder builder;
  int chosen = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &chosen);
  builder.RegisterService(&what);
  const auto server = builder.BuildAndStart();
  if (!server || chosen == 0) die("gRPC: no port to listen at");
  port.tell(chosen);
  while (true)
    pause();
}

class grpc_caller::impl {
 public:
  explicit impl(int port)
      : stub(Yardstick::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                    grpc::InsecureChannelCredentials()))) {}

  std::unique_ptr<Yardstick::Stub> stub;
};

grpc_caller::grpc_caller(int port) : impl_(std::make_unique<impl>(port)) {}
grpc_caller::~grpc_caller() = default;

void grpc_caller::run(int count, series& out) {
  std::promise<void> end;
  chain one(*impl_->stub, [&](clock::duration took) {
    out.add(took);
    if (--count > 0) return true;
    end.set_value();
    return false;
  });
  one.next();
  end.get_future().get();
}

void grpc_caller::run_blocking(int count, series& out) {
  Payload request, reply;
  request.set_data(std::string(small_bytes, 'x'));
  for (int i = 0; i < count; ++i) {
    grpc::ClientContext context;
    const auto start = clock::now();
    check(impl_->stub->Echo(&context, request, &reply));
    out.add(clock::now() - start);
  }
}

clock::duration grpc_caller::in_flight(int count, int window) {
  std::atomic<int> to_start{count - window}, to_finish{count};
  std::promise<void> end;
  const auto finished = [&](clock::duration) {
    const bool more = to_start.fetch_sub(1) > 0;
    if (to_finish.fetch_sub(1) == 1) end.set_value();
    return more;
  };
  std::vector<std::unique_ptr<chain>> chains;
  for (int i = 0; i < window; ++i)
    chains.push_back(std::make_unique<chain>(*impl_->stub, finished));
  const auto start = clock::now();
  for (auto& one : chains)
    one->next();
  end.get_future().get();
  return clock::now() - start;
}

clock::duration grpc_caller::pour(int count, std::size_t bytes) {
  const auto start = clock::now();
  pouring_writer writer(*impl_->stub, count, bytes);
  if (writer.wait() != static_cast<std::uint64_t>(count)) die("gRPC: messages were lost");
  return clock::now() - start;
}

}  // namespace hedgerow::bench
