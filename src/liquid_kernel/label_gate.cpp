#include "label_gate.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace liquid {

namespace {

// Of a normal distribution, by the median of what it deviates.
constexpr double kMadToSigma = 1.4826;
// How many labels say what is usual. Where one label of ten is an outlier, most of the newest nine
// are once in a thousand labels, most of the newest five once in a hundred. Where labels are rare,
// no more than come in this time [independent samples]: a change is to be believed soon.
constexpr int kFewestLabels = 5, kEnoughLabels = 9;
constexpr double kLongest = 14.0;
// How near an estimate has to be to explain a label, in parts of the gate: outliers are near one of
// several by chance, and the less often the nearer they have to be.
constexpr double kExplained = 0.5;
// Labels that are so far apart [independent samples] are rare: each says something of its own.
constexpr double kRare = 0.8;
// No label counts as less than this.
constexpr double kLeastIndependent = 0.01;
constexpr double kTiny = 1e-12;

const double* target_of(const LabelledSamples& labels, int row) {
  return labels.target + static_cast<std::size_t>(row) * labels.outputs;
}

const double* predicted_of(const LabelledSamples& labels, int row) {
  return labels.predicted + static_cast<std::size_t>(row) * labels.estimates * labels.outputs;
}

}  // namespace

Weighed LabelGate::weigh(const LabelledSamples& labels, const double* phi, int features,
                         double apart, const double* weights, const LabelHistory& history,
                         double* trust, double* squared_errors) {
  // What the mixture leaves of each label.
  left_.clear();
  double samples = 0.0;
  int known = 0;
  std::fill(trust, trust + labels.rows, 0.0);
  for (int i = 0; i < labels.rows; ++i) {
    if (!is_known(labels, i)) continue;
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    for (int o = 0; o < size(); ++o) {
      double left = 0.0;
      for (int k = 0; k < labels.estimates; ++k)
        left += weights[k * size() + o] *
                (target[columns_[o]] - predicted[k * labels.outputs + columns_[o]]);
      left_.push_back(left);
    }
    samples += labels.independent[i];
    ++known;
  }
  if (!known) return {0.0, false};
  // What is usual: the median of the newest ones.
  const double length = std::max(samples / known, kLeastIndependent);
  // An odd number, of which more than half have to be far off.
  const int within = static_cast<int>(std::lrint(kLongest / std::max(apart, 1.0))) | 1;
  const int newest = std::max(std::clamp(within, kFewestLabels, kEnoughLabels),
                              static_cast<int>(std::lrint(settings_.gate_memory / length)));
  if (history.usual.empty() && *history.remembered > 0.0)  // it goes on from a checkpoint
    for (int i = 0; i < kFewestLabels; ++i)
      history.usual.insert(history.usual.end(), history.quiet, history.quiet + size());
  for (const double left : left_) history.usual.push_back(std::abs(left));
  keep_newest(history.usual, newest);
  double trusted = trust_labels(labels, trust);
  if (apart > kRare) {
    const int changed = newest_change(labels, phi, features, history, trust);
    if (changed >= 0) {  // what was usual before the change is no more
      keep_newest(history.usual, known - changed + 1);
      trusted = trust_labels(labels, trust);
    }
  } else {
    agreement_.forget();
  }
  mean_squares(labels, counts_.data(), squared_errors);
  const double floor = settings_.noise_floor * settings_.noise_floor;
  const double kept = std::exp(-samples / settings_.variance_memory);
  *history.remembered = kept * *history.remembered + samples;
  const double gain = samples / std::max(*history.remembered, kTiny);  // the first are averaged
  bool jumped = false;
  for (int o = 0; o < size(); ++o) {
    double best = squared_errors[o];
    for (int k = 1; k < labels.estimates; ++k)
      best = std::min(best, squared_errors[k * size() + o]);
    const double fresh = std::min(std::max(best, floor), 4.0 * history.variance[o]);
    history.variance[o] += gain * (fresh - history.variance[o]);
    median_[o] = std::max(median_[o], settings_.noise_floor);
    jumped |= median_[o] > settings_.jump_ratio * history.quiet[o];  // as no drift makes it grow
  }
  for (int o = 0; o < size(); ++o)
    history.quiet[o] = jumped ? median_[o] : kept * history.quiet[o] + (1.0 - kept) * median_[o];
  return {samples * trusted / known, jumped};
}

double LabelGate::compare(const LabelledSamples& labels, double* counts,
                          double* squared_errors) const {
  double samples = 0.0;
  for (int i = 0; i < labels.rows; ++i) {
    const double* target = target_of(labels, i);
    counts[i] = labels.independent[i];
    for (const int column : columns_)
      if (std::isnan(target[column])) counts[i] = 0.0;
    samples += counts[i];
  }
  if (samples > 0.0) mean_squares(labels, counts, squared_errors);
  return samples;
}

bool LabelGate::is_known(const LabelledSamples& labels, int row) const {
  return !std::isnan(target_of(labels, row)[columns_[0]]);
}

// trust (rows) and counts_ by how far off labels are. A label that is further off than is usual
// counts less, with the inverse square, unless one of the estimates explains it: the world may have
// become what it was. Returns the sum of trust.
double LabelGate::trust_labels(const LabelledSamples& labels, double* trust) {
  counts_.assign(labels.rows, 0.0);
  double trusted = 0.0;
  const double* left = left_.data();
  for (int i = 0; i < labels.rows; ++i) {
    if (!is_known(labels, i)) continue;
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    double bound = nearness(settings_.gate, [&](int o) { return std::abs(left[o]); });
    for (int k = 0; bound < 1.0 && k < labels.estimates; ++k, predicted += labels.outputs)
      bound = std::max(bound, nearness(kExplained * settings_.gate, [&](int o) {
        return std::abs(target[columns_[o]] - predicted[columns_[o]]);
      }));
    left += size();
    trust[i] = bound * bound;
    trusted += trust[i];
    counts_[i] = trust[i] * labels.independent[i];
  }
  return trusted;
}

// Which of the known labels is the newest that is off as the one before it; -1: none.
int LabelGate::newest_change(const LabelledSamples& labels, const double* phi, int features,
                             const LabelHistory& history, const double* trust) {
  for (int o = 0; o < size(); ++o) spread_[o] = spread(o);
  int known = 0, changed = -1;
  for (int i = 0; i < labels.rows; ++i) {
    if (!is_known(labels, i)) continue;
    if (agreement_.take(left_.data() + static_cast<std::size_t>(known) * size(), spread_.data(),
                        size(), phi + static_cast<std::size_t>(i) * features, features,
                        trust[i] < 1.0, history.outliers, history.outlier_labels))
      changed = known;
    ++known;
  }
  return changed;
}

double LabelGate::spread(int output) const {
  return std::max(kMadToSigma * median_[output], settings_.noise_floor);
}

template <class Error>
double LabelGate::nearness(double gate, const Error& error) const {
  double bound = 1.0;
  for (int o = 0; o < size(); ++o)
    bound = std::min(bound, gate * spread(o) / std::max(error(o), kTiny));
  return bound;
}

// Leaves the newest labels of usual (any, group), and sets median_ (group) to theirs.
void LabelGate::keep_newest(std::vector<double>& usual, int labels) {
  const std::size_t room = static_cast<std::size_t>(labels) * columns_.size();
  if (usual.size() > room) usual.erase(usual.begin(), usual.end() - static_cast<long>(room));
  const std::size_t count = usual.size() / columns_.size();
  sorted_.resize(count);
  for (std::size_t o = 0; o < columns_.size(); ++o) {
    for (std::size_t i = 0; i < count; ++i) sorted_[i] = usual[i * columns_.size() + o];
    std::sort(sorted_.begin(), sorted_.end());
    median_[o] = 0.5 * (sorted_[(count - 1) / 2] + sorted_[count / 2]);
  }
}

void LabelGate::mean_squares(const LabelledSamples& labels, const double* counts,
                             double* squared_errors) const {
  double* const end = squared_errors + static_cast<std::size_t>(labels.estimates) * size();
  std::fill(squared_errors, end, 0.0);
  double sum = 0.0;
  for (int i = 0; i < labels.rows; ++i) {
    if (counts[i] == 0.0) continue;
    sum += counts[i];
    const double *target = target_of(labels, i), *predicted = predicted_of(labels, i);
    for (int k = 0; k < labels.estimates; ++k, predicted += labels.outputs)
      for (int o = 0; o < size(); ++o) {
        const double error = target[columns_[o]] - predicted[columns_[o]];
        squared_errors[k * size() + o] += counts[i] * error * error;
      }
  }
  for (double* value = squared_errors; value < end; ++value) *value /= sum;
}

}  // namespace liquid
