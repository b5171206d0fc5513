#pragma once
// The control messages of streams and their protobuf twins. Used by control.cc only.

#include "model/message.h"
#include "wire/control.pb.h"
#include "wire/values.h"

namespace hedgerow::wire {

pb::StreamOpen to_pb(const message::stream_open& in);
pb::StreamAccept to_pb(const message::stream_accept& in);
pb::StreamCredit to_pb(const message::stream_credit& in);
pb::StreamFinish to_pb(const message::stream_finish& in);
pb::StreamReset to_pb(const message::stream_reset& in);

void read(const pb::StreamOpen& in, message::stream_open& out, faults& found);
void read(const pb::StreamAccept& in, message::stream_accept& out, faults& found);
void read(const pb::StreamCredit& in, message::stream_credit& out, faults& found);
void read(const pb::StreamFinish& in, message::stream_finish& out, faults& found);
void read(const pb::StreamReset& in, message::stream_reset& out, faults& found);

}  // namespace hedgerow::wire
