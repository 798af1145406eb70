// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace KvmSharp.Benchmarks;

/// <summary>What the analyzers cost beside the compiler and beside other analyzers, all in one run. Shares are what counts; milliseconds are of this machine.</summary>
internal static class AnalyzerBenchmarks
{
    private const int Rounds = 3;

    private static readonly CSharpParseOptions Parse = new(LanguageVersion.Preview);

    /// <summary>Runs the comparison and the curve, and prints both as tables.</summary>
    internal static void Run()
    {
        (string Name, ImmutableArray<DiagnosticAnalyzer> Analyzers)[] sets =
        [
            ("KvmSharp.Analyzers", [new Analyzers.KvmSharpAnalyzer()]),
            ("Microsoft.CodeAnalysis.NetAnalyzers", Load("NetAnalyzers", "analyzers/dotnet/cs", "Microsoft.CodeAnalysis.NetAnalyzers.dll", "Microsoft.CodeAnalysis.CSharp.NetAnalyzers.dll")),
            ("SonarAnalyzer.CSharp", Load("Sonar", "analyzers", "SonarAnalyzer.CSharp.dll")),
            ("Meziantou.Analyzer", Load("Meziantou", "analyzers/dotnet/roslyn5.9/cs", "Meziantou.Analyzer.dll")),
        ];
        foreach (var (name, texts) in new[] { ("this tree's kernel (annotated)", Kernel()), ("generated code without annotations", Generated()) })
        {
            Say($"\n{name}: {texts.Count} files, {texts.Sum(static t => t.Text.Count(static c => c == '\n'))} lines\n");
            Compare(texts, sets);
        }

        Curve();
    }

    private static void Compare(List<(string Path, string Text)> texts, (string Name, ImmutableArray<DiagnosticAnalyzer> Analyzers)[] sets)
    {
        double compile = double.MaxValue;
        double[] best = [.. sets.Select(static _ => double.MaxValue)];
        bool emitted = false;
        for (int round = 0; round < Rounds; round++)
        {
            GC.Collect();
            var watch = Stopwatch.StartNew();
            using (var stream = new MemoryStream())
                emitted = Make(texts).Emit(stream).Success;
            compile = Math.Min(compile, watch.Elapsed.TotalMilliseconds);
            for (int i = 0; i < sets.Length; i++)
                best[i] = Math.Min(best[i], Actions(Make(texts), sets[i].Analyzers));
        }

        Say("| | ms | share of compile time |");
        Say("|---|---:|---:|");
        Say(string.Create(CultureInfo.InvariantCulture, $"| compiler{(emitted ? string.Empty : " (no image: errors)")} | {compile:F0} | |"));
        for (int i = 0; i < sets.Length; i++)
            Say(string.Create(CultureInfo.InvariantCulture, $"| {sets[i].Name} | {best[i]:F1} | {100 * best[i] / compile:F1} % |"));
    }

    // The compiler's own bookkeeping, the one behind /reportanalyzer.
    private static double Actions(CSharpCompilation compilation, ImmutableArray<DiagnosticAnalyzer> analyzers)
    {
        GC.Collect();
        var options = new CompilationWithAnalyzersOptions(new AnalyzerOptions([]), null, concurrentAnalysis: false, logAnalyzerExecutionTime: true);
        var driver = new CompilationWithAnalyzers(compilation, analyzers, options);
        ImmutableArray<Diagnostic> found = driver.GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult();
        if (found.FirstOrDefault(static d => d.Id == "AD0001") is { } crash && analyzers.Length == 1)
            Say(crash.ToString());
        return analyzers.Sum(a => driver.GetAnalyzerTelemetryInfoAsync(a, CancellationToken.None).GetAwaiter().GetResult().ExecutionTime.TotalMilliseconds);
    }

    private static void Curve()
    {
        Say("\n| statements in one body | ms | µs per statement | ratio to linear |");
        Say("|---:|---:|---:|---:|");
        var times = new SortedDictionary<int, double>();
        int[] sizes = [10, 30, 100, 300, 1000, 3000, 10000];
        for (int round = 0; round < Rounds; round++)
        {
            foreach (int n in sizes)
            {
                List<(string Path, string Text)> text = [("Body.cs", Body(n))];
                double ms = Actions(Make(text), [new Analyzers.KvmSharpAnalyzer()]);
                times[n] = Math.Min(ms, times.GetValueOrDefault(n, double.MaxValue));
            }
        }

        // What does not depend on the body (the compilation, its names) is the cost of the smallest one; it drowns what the next ones cost.
        double fixedCost = times[10];
        double unit = (times[10000] - fixedCost) / 9990;
        foreach (var (n, ms) in times)
        {
            double above = (ms - fixedCost) / Math.Max(1, n - 10);
            Say(string.Create(CultureInfo.InvariantCulture, $"| {n} | {ms:F2} | {(n < 1000 ? "-" : $"{1000 * above:F1}")} | {(n < 1000 ? "-" : $"{above / unit:F2}")} |"));
        }
    }

    private static string Body(int statements)
    {
        var b = new StringBuilder("using KvmSharp.Annotations;\nclass C\n{\n    readonly object _mu = new();\n    [GuardedBy(\"_mu\")] int _x;\n    int Number() => 1;\n    void M(int p, bool q)\n    {\n");
        for (int i = 0; i < statements; i += 5)
            b.Append("        lock (_mu) { _x = p; }\n        int a").Append(i).Append(" = Number();\n        if (q) p++;\n        p += a").Append(i).Append(";\n");
        return b.Append("    }\n}\n").ToString();
    }

    private static CSharpCompilation Make(List<(string Path, string Text)> texts)
    {
        IEnumerable<SyntaxTree> trees = texts.Select(static t => CSharpSyntaxTree.ParseText(t.Text, Parse, t.Path, Encoding.UTF8));
        var options = new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable, concurrentBuild: false);
        return CSharpCompilation.Create("Benchmark", trees, References(), options);
    }

    private static IEnumerable<MetadataReference> References()
        => ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(static p => !Path.GetFileName(p).StartsWith("KvmSharp.Kernel", StringComparison.Ordinal) && !Path.GetFileName(p).StartsWith("KvmSharp.Arch", StringComparison.Ordinal)
                && !Path.GetFileName(p).StartsWith("KvmSharp.Init", StringComparison.Ordinal) && !Path.GetFileName(p).StartsWith("KvmSharp.Benchmarks", StringComparison.Ordinal))
            .Select(static p => MetadataReference.CreateFromFile(p));

    private static List<(string Path, string Text)> Kernel()
    {
        string root = Metadata("RepoRoot");
        List<(string Path, string Text)> list =
        [
            ("Implicit.cs", "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq; global using System.Threading; global using System.Threading.Tasks;"),
        ];
        foreach (string folder in new[] { "include", "lib", "kernel", "fs", "mm", "virt" })
        {
            foreach (string file in Directory.GetFiles(Path.Combine(root, folder), "*.cs", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                if (file.Contains("/obj/", StringComparison.Ordinal) || file.Contains("/bin/", StringComparison.Ordinal))
                    continue;

                // No generator runs here; the old attribute says the same.
                string text = File.ReadAllText(file);
                if (text.Contains("[LibraryImport(", StringComparison.Ordinal))
                    text = text.Replace("[LibraryImport(", "[DllImport(", StringComparison.Ordinal).Replace(" partial ", " extern ", StringComparison.Ordinal).Replace("extern class", "partial class", StringComparison.Ordinal);
                list.Add((file, text));
            }
        }

        return list;
    }

    private static List<(string Path, string Text)> Generated()
    {
        var list = new List<(string Path, string Text)>();
        for (int i = 0; i < 200; i++)
        {
            var b = new StringBuilder("using System;\nusing System.Collections.Generic;\nusing System.Linq;\nnamespace Plain;\n");
            b.Append("public class Order").Append(i).Append("\n{\n    private readonly Dictionary<string, int> _items = new();\n    public int Total { get; private set; }\n");
            for (int m = 0; m < 12; m++)
            {
                b.Append("    public int Compute").Append(m).Append("(IReadOnlyList<int> values, string name)\n    {\n        int sum = 0;\n        foreach (int v in values.Where(x => x > ").Append(m)
                    .Append("))\n        {\n            if (v % 2 == 0)\n                sum += v;\n            else\n                sum -= v * 3;\n        }\n\n        if (!_items.TryGetValue(name, out int old))\n            _items.Add(name, sum);\n")
                    .Append("        Total += old + sum;\n        try\n        {\n            return checked(sum * ").Append(m + 1).Append(");\n        }\n        catch (OverflowException e)\n        {\n            Console.WriteLine(e.Message);\n            return -1;\n        }\n    }\n\n");
            }

            list.Add(("Order" + i.ToString(CultureInfo.InvariantCulture) + ".cs", b.Append("}\n").ToString()));
        }

        return list;
    }

    private static ImmutableArray<DiagnosticAnalyzer> Load(string package, string folder, params string[] files)
    {
        var list = ImmutableArray.CreateBuilder<DiagnosticAnalyzer>();
        foreach (string file in files)
        {
            Type?[] types;
            try
            {
                types = Assembly.LoadFrom(Path.Combine(Metadata(package), folder, file)).GetTypes();
            }
            catch (ReflectionTypeLoadException e)
            {
                types = e.Types;
            }

            foreach (Type? t in types)
            {
                if (t is { IsAbstract: false } && typeof(DiagnosticAnalyzer).IsAssignableFrom(t) && t.GetConstructor(Type.EmptyTypes) is not null
                    && t.GetCustomAttribute<DiagnosticAnalyzerAttribute>()?.Languages.Contains(LanguageNames.CSharp) == true)
                    list.Add((DiagnosticAnalyzer)Activator.CreateInstance(t)!);
            }
        }

        return list.ToImmutable();
    }

    private static string Metadata(string key)
        => typeof(AnalyzerBenchmarks).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key == key).Value!;

    private static void Say(string line) => Console.WriteLine(line);
}
