% Make results.tsv from designs.tsv and inputs/ with the functions of a PALM checkout (see README.md).
%
%     octave --no-gui --quiet --eval "make_references('/path/to/PALM', 'results.tsv')"
%
% The functions that palm_core.m keeps to itself are cut out of it into a temporary folder, so that what runs is PALM's.
function make_references(palm_folder, target)
  pkg load statistics;
  addpath(palm_folder);
  expose(fullfile(palm_folder, 'palm_core.m'), {'noz', 'freedmanlane', 'fastt', 'fastf', 'fastv', 'fastg'});
  here = fileparts(mfilename('fullpath'));
  out = fopen(target, 'w');
  fprintf(out, 'design\tcolumn\tstatistic\tvalue\tdf2\tz\tp\tp_fwe\tn\tties\tties_fwe\n');
  rows = strsplit(strtrim(fileread(fullfile(here, 'designs.tsv'))), "\n");
  for row = rows(2:end)
    fields = strsplit(row{1}, "\t");
    r = one_design(fullfile(here, 'inputs', [fields{1} '.tsv']), fields);
    for j = 1:numel(r.value)
      fprintf(out, '%s\ty%d\t%s\t%.12g\t%.12g\t%.12g\t%.12g\t%.12g\t%d\t%d\t%d\n', fields{1}, j, r.name, ...
              r.value(j), r.df2(j), r.z(j), r.p(j), r.p_fwe(j), r.n, r.ties(j), r.ties_fwe(j));
    end
    printf('%s: %d shufflings\n', fields{1}, r.n);
  end
  fclose(out);
end

function expose(file, names)
  folder = tempname();
  mkdir(folder);
  lines = strsplit(fileread(file), "\n");
  starts = [find(strncmp(lines, 'function ', 9)), numel(lines) + 1];
  for k = 1:numel(names)
    own = find(cellfun(@(line) ! isempty(regexp(line, ['=\s*' names{k} '\('])), lines(starts(1:end-1))));
    body = lines(starts(own):starts(own + 1) - 1);
    fid = fopen(fullfile(folder, [names{k} '.m']), 'w');
    fprintf(fid, '%s\n', body{:});
    fclose(fid);
  end
  addpath(folder);
end

function r = one_design(file, fields)
  fid = fopen(file); header = strsplit(fgetl(fid), "\t"); fclose(fid);
  values = dlmread(file, "\t", 1, 0);
  take = @(prefix) values(:, strncmp(header, prefix, numel(prefix)));
  Y = take('y'); M = take('m_'); C = str2num(fields{2})';
  opts = struct('EE', strcmp(fields{3}, 'permutations'), 'ISE', strcmp(fields{3}, 'flips'), ...
                'nP0', str2double(fields{4}), 'cmcp', false);
  plm = prepare(M, C, take('b'), fields{5}, take('vg'), fields{6}, str2double(fields{7}));
  rand('state', 0);
  if isempty(plm.EB)
    shufflings = palm_shuffree(plm.seq{1}{1}, opts.nP0, opts.cmcp, opts.EE, opts.ISE, false);
  else
    shufflings = palm_shuftree(opts, plm, 1, 1);
  end
  r = count(plm, Y, shufflings, rank(C) == 1);
end

function plm = prepare(M, C, blocks, kind, vg, vgkind, cmcx)
  n = rows(M);
  [~, ~, repeated] = unique(palm_partition(M, C, 'Guttman'), 'rows');
  if cmcx
    repeated = (1:n)';
  end
  plm = struct('N', n, 'nVG', 1, 'VG', ones(n, 1), 'EB', [], 'mldiv', @mldivide, 'mrdiv', @mrdivide);
  plm.seq = {{repeated}};
  switch kind
    case 'within', plm.EB = [-ones(n, 1), blocks, (1:n)'];
    case 'whole',  plm.EB = [ones(n, 1), -blocks, (1:n)'];
    case 'both',   plm.EB = [ones(n, 1), blocks, (1:n)'];
    case 'multi',  plm.EB = blocks;
  end
  if ! isempty(plm.EB)
    plm.EB = palm_reindex(plm.EB, 'fixleaves');
  end
  switch vgkind
    case 'auto',   plm.VG = palm_ptree2vg(palm_tree(plm.EB, (1:n)'));
    case 'column', plm.VG = vg;
  end
  plm.nVG = numel(unique(plm.VG));
  plm = model(plm, M, C);
end

function plm = model(plm, M, C)
  [X, Z, whole, part] = palm_partition(M, C, 'Ridgway');
  deep = @(value) {{{{value}}}};
  plm.X = deep(X); plm.Z = deep(Z); plm.Mp = deep([X Z]);
  plm.rC = {rank(C)}; plm.rC0 = plm.rC;
  plm.rM = deep(rank([X Z]));
  plm.dRm = deep(diag(eye(plm.N) - [X Z] * pinv([X Z])));
  if isempty(Z)
    plm.prepare = @noz; plm.eC = deep(part);
  else
    plm.prepare = @freedmanlane; plm.eC = deep(whole);
    plm.Hz = deep(Z * pinv(Z)); plm.Rz = deep(eye(plm.N) - Z * pinv(Z));
  end
  names = 'tfvg';
  plm.name = names(1 + (rank(C) > 1) + 2 * (plm.nVG > 1));
  plm.statistic = str2func(['fast' plm.name]);
end

function r = count(plm, Y, shufflings, two_sided)
  r = struct('name', plm.name, 'n', numel(shufflings));
  z = zeros(r.n, columns(Y));
  for p = 1:r.n
    [M, shuffled] = plm.prepare(shufflings{p}, Y, 1, 1, 1, 1, plm);
    psi = M \ shuffled;
    [value, df2] = plm.statistic(M, psi, shuffled - M * psi, 1, 1, 1, 1, plm);
    z(p, :) = palm_gtoz(value, plm.rC{1}, df2);
    if p == 1
      r.value = value; r.df2 = df2 + zeros(size(value)); r.z = z(1, :);
    end
  end
  if two_sided
    z = abs(z);
  end
  largest = max(z, [], 2);
  r.p = sum(z >= z(1, :), 1) / r.n;
  r.p_fwe = palm_datapval(z(1, :), largest, false);
  near = @(values) sum(values < z(1, :) & values > z(1, :) - 1e-9, 1);
  r.ties = near(z); r.ties_fwe = near(largest);
end
