// How much labels count, and how wrong estimates were; what adaptation/output_group.py calls.
#pragma once

#include <utility>
#include <vector>

#include "agreement.hpp"

namespace liquid {

// Settings by the names that adaptation/readout_settings.py explains.
struct GateSettings {
  double gate, gate_memory, noise_floor, variance_memory, jump_ratio;
};

// Labels of all outputs, row-major. Those of a group's outputs, by their columns, are all known in
// a sample or, where the first of them is NaN, none.
struct LabelledSamples {
  int rows, estimates, outputs;
  const double* target;       // (rows, outputs)
  const double* predicted;    // (rows, estimates, outputs)
  const double* independent;  // (rows) how many independent samples each one is
};

// What is remembered of a group's labels; changed as they come.
struct LabelHistory {
  double* variance;            // (group) of what no estimate can know
  double* quiet;               // (group) the usual error while nothing jumps
  double* remembered;          // (1) how many independent samples the variance is of
  double* outliers;            // (outlier_labels) see Agreement
  int outlier_labels;
  std::vector<double>& usual;  // (any, group) errors of the newest ones without sign, oldest first
};

struct Weighed {
  double samples;  // how many independent ones there were, less what is not trusted
  bool jumped;     // whether the world has
};

class LabelGate {
 public:
  // columns: of the group's outputs.
  LabelGate(std::vector<int> columns, const GateSettings& settings)
      : columns_(std::move(columns)),
        settings_(settings),
        median_(columns_.size()),
        spread_(columns_.size()) {}

  // Weighs labels against those before them. phi (rows, features). apart: how many independent
  // samples a label usually is from the one before. weights (estimates, group): of the mixture.
  // Written: trust (rows), how much each label counts, 0 where there is none, and the mean squared
  // errors (estimates, group).
  Weighed weigh(const LabelledSamples& labels, const double* phi, int features, double apart,
                const double* weights, const LabelHistory& history, double* trust,
                double* squared_errors);

  // Mean squared errors (estimates, group) of samples whose labels are all known. counts (rows),
  // written: independent samples each one counts as. Returns how many there are in all.
  double compare(const LabelledSamples& labels, double* counts, double* squared_errors) const;

  const std::vector<int>& columns() const { return columns_; }

 private:
  int size() const { return static_cast<int>(columns_.size()); }
  bool is_known(const LabelledSamples& labels, int row) const;
  double trust_labels(const LabelledSamples& labels, double* trust);
  int newest_change(const LabelledSamples& labels, const double* phi, int features,
                    const LabelHistory& history, const double* trust);
  void keep_newest(std::vector<double>& usual, int labels);
  // The usual error, as a standard deviation.
  double spread(int output) const;
  // `gate` times the usual error over error(o), of the output o of the group that is furthest off by
  // that measure; 1 where all are nearer.
  template <class Error>
  double nearness(double gate, const Error& error) const;
  void mean_squares(const LabelledSamples& labels, const double* counts,
                    double* squared_errors) const;

  std::vector<int> columns_;
  GateSettings settings_;
  Agreement agreement_;
  // What the mixture leaves of each known label (any, group), and the usual error.
  std::vector<double> left_, median_;
  std::vector<double> spread_, counts_, sorted_;
};

}  // namespace liquid
