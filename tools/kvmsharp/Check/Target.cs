// SPDX-License-Identifier: GPL-2.0-only
// KvmSharp only; no upstream counterpart.
using System.Security;

namespace KvmSharp.Tools.Check;

/// <summary>What is to be checked: something that MSBuild builds.</summary>
/// <param name="Path">Project, solution or file-based program, absolute.</param>
/// <param name="Name">What the user called it.</param>
/// <param name="IsLoose">Sources without a project: nobody has said whether they are a program.</param>
internal sealed record Target(string Path, string Name, bool IsLoose = false)
{
    private static readonly string[] Solutions = [".sln", ".slnx"];

    /// <summary>Finds what a path means. Loose sources get a project of their own in <paramref name="work"/>.</summary>
    /// <exception cref="BadInputException">The path is nothing that can be checked.</exception>
    internal static IReadOnlyList<Target> Find(string path, string work)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(full))
            return InFolder(full, path, work);
        if (!File.Exists(full))
            throw new BadInputException($"{path}: no such file or folder");
        string extension = System.IO.Path.GetExtension(full).ToLowerInvariant();
        if (extension == ".csproj" || Solutions.Contains(extension))
            return [new Target(full, path)];
        if (extension != ".cs")
            throw new BadInputException($"{path}: neither a .csproj, .sln, .slnx or .cs file nor a folder");
        return [IsFileBasedProgram(full) ? new Target(full, path) : Loose([full], path, work)];
    }

    private static IReadOnlyList<Target> InFolder(string folder, string name, string work)
    {
        string[] solutions = [.. Directory.EnumerateFiles(folder).Where(f => Solutions.Contains(System.IO.Path.GetExtension(f).ToLowerInvariant())).Order(StringComparer.Ordinal)];
        if (solutions.Length > 1)
            throw new BadInputException($"{name}: has {solutions.Length} solutions; say which");
        if (solutions.Length == 1)
            return [new Target(solutions[0], name)];
        string[] projects = Sources(folder, "*.csproj");
        if (projects.Length > 0)
            return [.. projects.Select(project => new Target(project, project))];
        string[] sources = Sources(folder, "*.cs");
        return sources.Length > 0 ? [Loose(sources, name, work)] : throw new BadInputException($"{name}: no .sln, .slnx, .csproj or .cs file in it");
    }

    private static string[] Sources(string folder, string pattern) =>
    [
        .. Directory.EnumerateFiles(folder, pattern, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(file => !System.IO.Path.GetRelativePath(folder, file).Split(System.IO.Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal),
    ];

    private static bool IsFileBasedProgram(string file)
    {
        foreach (string line in File.ReadLines(file))
        {
            if (line.StartsWith("#:", StringComparison.Ordinal))
                return true;
            if (line.Length > 0 && !line.StartsWith('#') && !line.TrimStart().StartsWith("//", StringComparison.Ordinal))
                return false;
        }

        return false;
    }

    private static Target Loose(IReadOnlyList<string> sources, string name, string work)
    {
        string folder = System.IO.Path.Combine(work, "loose");
        Directory.CreateDirectory(folder);
        string project = System.IO.Path.Combine(folder, "loose.csproj");
        string annotations = System.IO.Path.Combine(AppContext.BaseDirectory, "check", "KvmSharp.Annotations.dll");
        File.WriteAllText(project, $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net$(BundledNETCoreAppTargetFrameworkVersion)</TargetFramework>
                <LangVersion>latest</LangVersion>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <AllowUnsafeBlocks>true</AllowUnsafeBlocks>
                <EnableDefaultCompileItems>false</EnableDefaultCompileItems>
                <ImportDirectoryBuildProps>false</ImportDirectoryBuildProps>
                <ImportDirectoryBuildTargets>false</ImportDirectoryBuildTargets>
                <!-- The sources may carry the annotations themselves: theirs win. -->
                <NoWarn>$(NoWarn);CS0436</NoWarn>
              </PropertyGroup>
              <ItemGroup>
            {string.Join('\n', sources.Select(source => $"    <Compile Include=\"{Escape(source)}\" />"))}
                <Reference Include="{Escape(annotations)}" />
              </ItemGroup>
            </Project>
            """);
        return new Target(project, name, IsLoose: true);
    }

    /// <summary>MSBuild would expand wildcards, lists and properties in a file's name.</summary>
    private static string Escape(string path) => SecurityElement.Escape(path
        .Replace("%", "%25").Replace("$", "%24").Replace("@", "%40").Replace("(", "%28").Replace(")", "%29").Replace(";", "%3B").Replace("'", "%27").Replace("?", "%3F").Replace("*", "%2A"));
}
