#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace triage::simulate {

/// A provider's answer as it was written down: bytes that no writer of ours made.
struct Transcript {
  int status = 200;
  std::string_view content_type;  ///< static
  std::string bytes;
};

/// A folder of transcripts with its subfolders. A file's extension is its form: .json, .sse,
/// .html, .events (an AWS event stream as lines of "TYPE PAYLOAD"); a name error_STATUS… is the
/// body of an answer with that status. Others, and requests (request*.json), are passed over.
class Transcripts {
 public:
  /// Error kIo: no folder, a file that cannot be read, or nothing in it to answer with.
  static Result<std::shared_ptr<const Transcripts>> Load(const std::string& folder);

  /// The one that a text asks for with "please replay FILE", a path in the folder; null = none.
  const Transcript* AskedBy(std::string_view text) const;

  std::size_t size() const { return by_name_.size(); }

 private:
  std::map<std::string, Transcript, std::less<>> by_name_;
};

}  // namespace triage::simulate
